/**
 * Boot certificate: what the initramfs enrolled with, handed over to the agent in `/run`. An image holds no
 * certificate: it would be an older generation by the next boot, and showing one freezes the node. So each boot
 * that opens a root disk gets a new one with the node's key, and the agent of the system goes on with that.
 */
import { lstatSync, readFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import { utf8 } from "../base/bytes.ts";
import { systemRandom } from "../crypto/random.ts";
import { openDirectory } from "./directory.ts";
import { prepareDirectory } from "./home.ts";
import { isLater, type Membership } from "./membership.ts";
import { createTemporaries, placeFile } from "./place.ts";

/** `/run` of the initramfs becomes that of the system. */
export const BOOT_CERTIFICATE = "/run/keyward-boot/certificate.pem";

const MAX_BYTES = 65_536;

/** @throws KeywardError `local` */
export function handOver(file: string, { certificate }: Pick<Membership, "certificate">): void {
  const directory = openDirectory(prepareDirectory(dirname(file)));
  const ownership = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0, mode: 0o600 };
  try {
    placeFile(
      directory,
      basename(file),
      utf8(certificate),
      ownership,
      createTemporaries("boot", systemRandom),
    );
  } finally {
    directory.close();
  }
}

/**
 * @param known - What the state directory says.
 * @returns The certificate of this boot, if it is a later one for the same key; `null` when there is none.
 */
export function handedOver(file: string, known: Pick<Membership, "certificate">): string | null {
  const text = textOf(file);
  if (text === null) return null;
  try {
    return isLater(text, known.certificate) ? text : null;
  } catch {
    // It is no certificate: whoever made that file was not us.
    return null;
  }
}

/** Of our own user alone: what others wrote is not looked at. */
function textOf(file: string): string | null {
  const stat = lstatSync(file, { throwIfNoEntry: false });
  const ours = stat?.isFile() === true && stat.uid === process.geteuid?.() && (stat.mode & 0o022) === 0;
  return ours && stat.size <= MAX_BYTES ? readFileSync(file, "utf8") : null;
}
