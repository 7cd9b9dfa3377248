/** Scan: which host keys answer at an address, for a person to compare with what the host itself says. */
import { KeywardError } from "../../base/errors.ts";
import type { DurationMs } from "../../base/time.ts";
import { fingerprintOf, parsePublicLine } from "../../formats/openssh/openssh.ts";
import { runProgram } from "../process.ts";

export interface HostKey {
  /** As in a `.pub` file. */
  readonly line: string;
  readonly fingerprint: string;
}

const LIMIT = 15_000 as DurationMs;

/** @throws KeywardError `unreachable` when nothing answers, `local` without OpenSSH's programs. */
export async function scanHostKeys(address: string, port: number): Promise<HostKey[]> {
  if (!/^[A-Za-z0-9_:][A-Za-z0-9_.:%-]{0,252}$/.test(address))
    throw new KeywardError("usage", "address: want a host name or an address");
  const argv = ["ssh-keyscan", "-T", "5", "-t", "ed25519,ecdsa,rsa", "-p", String(port), "--", address];
  const { end, stdout } = await runProgram({ argv, limit: LIMIT, keep: 65_536, apart: true });
  if (end.kind === "not-started")
    throw new KeywardError("local", "cannot start ssh-keyscan", { hint: "install openssh-client" });
  const lines = Buffer.from(stdout ?? [])
    .toString("utf8")
    .split("\n");
  const keys = lines.flatMap((line): HostKey[] => {
    const [, rest] = /^\S+ (\S+ \S+)$/.exec(line) ?? [];
    if (rest === undefined) return [];
    return [{ line: rest, fingerprint: fingerprintOf(parsePublicLine(rest).key) }];
  });
  if (keys.length === 0) throw new KeywardError("unreachable", `no sshd answers at ${address} port ${port}`);
  return keys;
}
