/**
 * systemd-creds: a machine's seed as a systemd credential. The file holds what `systemd-creds encrypt` makes of the
 * envelope: sealed to the TPM where there is one, and to the host's key in /var/lib/systemd. systemd itself can hand
 * it to a service (`LoadCredentialEncrypted=`), where it is read back as a credential.
 *
 * Source: systemd 252, systemd-creds(1), systemd.exec(5).
 */
import { KeywardError } from "../../base/errors.ts";
import type { DurationMs } from "../../base/time.ts";
import { printable } from "../../model/name.ts";
import type { SeedPlace } from "../../model/seed-place.ts";
import { type RunProgram, runProgram } from "../process.ts";

/** The credential's name, which it is bound to. */
export const CREDENTIAL_NAME = "keyward.seed";
/** Where systemd looks for encrypted credentials (systemd 254 on); the name is the credential's. */
export const CREDENTIAL_FILE = `/etc/credstore.encrypted/${CREDENTIAL_NAME}`;

/** A TPM may be slow to answer. */
const LIMIT = 60_000 as DurationMs;
const MAX_BYTES = 4_194_304;

/**
 * @param inner - Keeps the credential's file.
 * @param run - Runs systemd-creds.
 */
export function createSystemdCreds(inner: SeedPlace, run: RunProgram = runProgram): SeedPlace {
  const pass = async (verb: "encrypt" | "decrypt", bytes: Uint8Array): Promise<Uint8Array> => {
    const argv = ["systemd-creds", verb, `--name=${CREDENTIAL_NAME}`, "-", "-"];
    const environment = { LC_ALL: "C" };
    const {
      end,
      output,
      stdout = new Uint8Array(),
    } = await run({
      argv,
      environment,
      input: bytes,
      apart: true,
      limit: LIMIT,
      keep: MAX_BYTES,
    });
    if (end.kind === "exited" && end.status === 0 && stdout.length > 0) return stdout;
    throw refusal(verb, end.kind === "not-started" ? null : lastLine(output));
  };
  const encrypt = async (envelope: Uint8Array): Promise<Uint8Array> => {
    const sealed = await pass("encrypt", envelope);
    // Before anything is kept that this machine may not open again.
    if (!Buffer.from(await pass("decrypt", sealed)).equals(envelope))
      throw new KeywardError("local", "systemd-creds: what it decrypts is not what it encrypted");
    return sealed;
  };
  return {
    kind: "systemd-creds",
    name: `the systemd credential in ${inner.name}`,
    async read(slot) {
      const sealed = await inner.read(slot);
      return sealed === null ? null : new Uint8Array(await pass("decrypt", sealed));
    },
    create: async (envelope) => await inner.create(await encrypt(envelope)),
    stage: async (envelope) => await inner.stage(await encrypt(envelope)),
    commit: () => inner.commit(),
    erase: () => inner.erase(),
    inspect: () => inner.inspect(),
    protect: () => inner.protect(),
  };
}

function lastLine(output: Uint8Array): string {
  const text = Buffer.from(output).toString("utf8").trim();
  return printable(text.split("\n").at(-1) ?? "");
}

/** @param said - `null`: it did not start. */
function refusal(verb: string, said: string | null): KeywardError {
  if (said === null)
    return new KeywardError("local", "systemd-creds is not there", {
      hint: "it comes with systemd 250 and newer: keep the seed elsewhere, with --uefi or --file",
    });
  return new KeywardError("local", `systemd-creds did not ${verb} the seed: ${said}`, {
    hint:
      verb === "decrypt"
        ? "it opens only on the machine that sealed it, to root: with its host key and its TPM"
        : "run it as root, and try: systemd-creds has-tpm2; systemd-creds setup",
  });
}
