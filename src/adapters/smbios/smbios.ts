/**
 * SMBIOS: which machine this is, by what its firmware says to root alone: the product UUID and the mainboard's serial
 * number. A seed that is sealed to the machine opens on this machine without anybody, and for nobody who may read the
 * place where it lies but is not root.
 *
 * It is a weak secret. Whoever is root here, or was once, has it; so has whoever sees the machine's firmware screens,
 * its sticker, its hypervisor's configuration or its maker's records. docs/threat-model.md says what follows.
 *
 * Source: Linux, drivers/firmware/dmi-id.c; DMTF DSP0134, sections 7.2.1 and 7.3.
 */
import { readFileSync } from "node:fs";
import { fields } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import { hkdf } from "../../crypto/hkdf.ts";

const DIRECTORY = "/sys/class/dmi/id";
const uuidForm = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** What firmware says that was never told who it is. */
const nobodys: readonly RegExp[] = [
  /^0{8}-0{4}-0{4}-0{4}-0{12}$/,
  /^f{8}-f{4}-f{4}-f{4}-f{12}$/,
  /^03000200-0400-0500-0006-000700080009$/,
  /^00020003-0004-0005-0006-000700080009$/,
  /^12345678-1234-5678-90ab-cddeefaabbcc$/,
];

/**
 * @param directory - Where the kernel shows it; another one is for tests.
 * @returns 32 bytes, which the caller wipes: see docs/formats/seed.md.
 * @throws KeywardError `local` when the machine does not say who it is, or not to this user.
 */
export function machineIdentity(directory = DIRECTORY): Secret {
  const uuid = read(`${directory}/product_uuid`)?.toLowerCase();
  if (uuid === undefined || !uuidForm.test(uuid) || nobodys.some((one) => one.test(uuid)))
    throw new KeywardError("local", "this machine has no SMBIOS product UUID of its own", {
      hint: "let a key file or a passphrase open the seed: --key-file FILE, --passphrase-file FILE",
    });
  // Many virtual machines have none: then it is empty.
  const serial = read(`${directory}/board_serial`) ?? "";
  const info = fields("keyward/v1/machine-identity");
  return Secret.take(hkdf(fields(uuid, serial), new Uint8Array(0), info, 32));
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return undefined;
    throw new KeywardError("local", `${path}: cannot be read (${code})`, {
      hint: "the machine says who it is to root alone: run it as root",
    });
  }
}
