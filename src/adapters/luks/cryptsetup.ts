/**
 * Cryptsetup: one call of cryptsetup(8), and what its exit status means. Keys go to its standard input, raw and to
 * the end: a newline would be part of the key. What it says is in the user's language, so statuses decide.
 *
 *     status  meaning (cryptsetup 2.6, "RETURN CODES")
 *     0       done
 *     1       wrong parameters, no LUKS header, no usable key slot
 *     2       no key slot opens with this key; so does a damaged key slot area
 *     3       out of memory
 *     4       no such device, or the name is not open
 *     5       the device is in use, or the name is taken
 */
import { concat } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import type { Secret } from "../../base/secret.ts";
import type { DurationMs } from "../../base/time.ts";
import { printable } from "../../model/name.ts";
import type { Program, RunProgram } from "../process.ts";

/** A slot made for a passphrase may take seconds and most of a small machine's memory. */
const LIMIT = 120_000 as DurationMs;
const MAX_OUTPUT = 4_194_304;
/** Suits a random key: what is tried is the key, not a passphrase. The same that clevis takes. */
export const CHEAP = ["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"];

export interface Answer {
  readonly status: number;
  readonly stdout: string;
  /** One line of what it said, for a person. */
  readonly said: string;
}

/**
 * @param keys - One after the other, into standard input.
 * @throws KeywardError `local` when it cannot be started; `timeout` when it does not end.
 */
export async function cryptsetup(
  run: RunProgram,
  words: readonly string[],
  keys: readonly Secret[] = [],
  { limit = LIMIT, ...how }: Partial<Pick<Program, "limit" | "heard" | "until">> = {},
): Promise<Answer> {
  const input = keys.length === 0 ? undefined : concat(...keys.map((key) => key.reveal()));
  try {
    const { end, output, stdout } = await run({
      argv: ["cryptsetup", "--batch-mode", ...words],
      environment: { LC_ALL: "C" },
      limit,
      ...how,
      keep: MAX_OUTPUT,
      apart: true,
      ...(input === undefined ? {} : { input }),
    });
    if (end.kind === "exited") return { status: end.status, stdout: text(stdout), said: whatCounts(output) };
    if (end.kind === "timeout")
      throw new KeywardError("timeout", `cryptsetup ${words[0] ?? ""}: not done after ${limit / 1000} s`);
    throw new KeywardError(
      "local",
      end.kind === "killed"
        ? `cryptsetup ${words[0] ?? ""}: killed by ${end.signal}`
        : `cryptsetup is not there (${end.code})`,
      end.kind === "killed" ? {} : { hint: "install it: on Debian, cryptsetup-bin" },
    );
  } finally {
    input?.fill(0);
  }
}

const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString("utf8");

/** What counts stands last, but for a kernel without device-mapper: then cryptsetup goes on to blame the name. */
function whatCounts(output: Uint8Array): string {
  const lines = text(output).trim().split("\n");
  const line = lines.find((one) => one.includes("device-mapper")) ?? lines.at(-1) ?? "";
  return printable(line.slice(0, 300));
}

/** @param what - Begins the message: `device /dev/vda`. */
export function refusal(what: string, { status, said }: Answer): KeywardError {
  switch (status) {
    case 2:
      return new KeywardError("wrong-key", `${what}: no key slot opens with this key`, {
        hint: "it is another volume's, or an older one; a damaged key slot looks the same: try a header backup",
      });
    case 3:
      return new KeywardError("local", `${what}: not enough memory for its key derivation`, {
        hint: "a slot for a person's passphrase may want 1 GiB: open it with the machine's own key",
      });
    case 4:
      return new KeywardError("not-found", `${what}: there is none (${said})`, {
        hint: asRoot() ?? "is the disk there, and is this its name? see: ls -l /dev/disk/by-id",
      });
    case 5:
      return new KeywardError("busy", `${what}: is in use (${said})`);
    default:
      return new KeywardError("local", `${what}: cryptsetup ended with ${status}: ${said}`, hintOf(said));
  }
}

/** It is on the way to another volume key, and was left there. @param what - As of `refusal`. */
export const unfinished = (what: string): KeywardError =>
  new KeywardError("conflict", `${what}: its reencryption is not finished, and it takes no change`, {
    hint: "it opens all the same; go on with it: keyward disk rotate NAME --volume-key",
  });

/** Only what it never translates is looked for. */
function hintOf(said: string): { hint?: string } {
  if (!/device-mapper|dm_mod/.test(said)) return {};
  return { hint: asRoot() ?? "modprobe dm_mod; a container has none of its own: do it on the host" };
}

function asRoot(): string | undefined {
  return process.geteuid?.() === 0 ? undefined : "disks are for root: sudo keyward …";
}
