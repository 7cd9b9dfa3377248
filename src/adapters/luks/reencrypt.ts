/**
 * Reencrypt: a volume to another volume key, by cryptsetup-reencrypt(8), which moves through it piece by piece and keeps
 * in the header how far it is: cut off at any point, it opens, and goes on. Every other key slot goes.
 *
 * Source: LUKS2 On-Disk Format Specification 1.1, sections 3.4 (digests) and 3.6 (requirements).
 */
import { statSync } from "node:fs";
import { KeywardError } from "../../base/errors.ts";
import { parseJson } from "../../base/json.ts";
import { memberReader } from "../../base/json-members.ts";
import type { Secret } from "../../base/secret.ts";
import type { DurationMs } from "../../base/time.ts";
import type { RunProgram } from "../process.ts";
import { type Answer, CHEAP, cryptsetup } from "./cryptsetup.ts";
import { readReencryption } from "./header.ts";

export interface VolumeKeyState {
  /** It is between two volume keys. */
  readonly underWay: boolean;
  /** Of the volume key in use, base64: another one, another key. */
  readonly digest: string;
}

export interface ReencryptHow {
  /** The slot that the key opens. */
  readonly slot: number;
  /** What it is open as; absent: it is closed. */
  readonly name?: string;
  /** Go on with what was begun. */
  readonly resume: boolean;
  /** `12.5%, 200 s to go`, once a second. */
  readonly says: (progress: string) => void;
  /** Stop after the piece at hand. */
  readonly until: AbortSignal;
}

/** What a timer of Node's can count. A disk of 100 TB takes about ten days. */
const LIMIT = (20 * 86_400_000) as DurationMs;
type Version = readonly [major: number, minor: number];
const LEAST_VERSION: Version = [2, 4];
/** Says how far it is where no terminal is. */
const SAYING_VERSION: Version = [2, 6];
const what = "LUKS2 metadata";

/** @throws KeywardError `malformed`, `too-large` */
export function readVolumeKey(metadata: string): VolumeKeyState {
  const is = memberReader(what);
  const root = is.object(
    parseJson(metadata, what, { size: 4_194_304, depth: 16, count: 50_000 }),
    "its root",
  );
  const digests = Object.values(is.object(root.digests, "digests")).flatMap((value) => {
    const { segments, digest } = is.object(value, "a digest");
    return Array.isArray(segments) && segments.includes("0") ? [String(digest).slice(0, 1024)] : [];
  });
  return { underWay: readReencryption(metadata), digest: digests.sort().join(" ") };
}

/** @throws KeywardError `local` when this cryptsetup is too old for it. */
export async function assertReencrypts(run: RunProgram): Promise<void> {
  const [least, then] = LEAST_VERSION;
  const version = await versionOf(run);
  if (isAtLeast(version, LEAST_VERSION)) return;
  const message = `cryptsetup ${version.join(".")}: does not change a volume's key in place`;
  throw new KeywardError("local", message, {
    hint: `want ${least}.${then} or later; or make the volume anew on another disk, and copy`,
  });
}

async function versionOf(run: RunProgram): Promise<Version> {
  const { stdout } = await cryptsetup(run, ["--version"]);
  const [, major, minor] = /^cryptsetup ([0-9]{1,3})\.([0-9]{1,3})/.exec(stdout) ?? [];
  return [Number(major ?? 0), Number(minor ?? 0)];
}

function isAtLeast([major, minor]: Version, [least, then]: Version): boolean {
  return major > least || (major === least && minor >= then);
}

/** @returns What cryptsetup said; 0: it is done. @throws KeywardError `local` when it is killed or not there. */
export async function reencrypt(
  run: RunProgram,
  device: string,
  key: Secret,
  { slot, name, resume, says, until }: ReencryptHow,
): Promise<Answer> {
  const how = resume ? ["--resume-only"] : [...CHEAP, `--key-slot=${slot}`];
  // Of a file cryptsetup cannot tell whether it is open somewhere.
  const closed = isFile(device) ? ["--force-offline-reencrypt", device] : [device];
  const which = name === undefined ? closed : [`--active-name=${name}`];
  const saying = isAtLeast(await versionOf(run), SAYING_VERSION)
    ? ["--progress-json", "--progress-frequency=1"]
    : [];
  // Cut off in the middle of a piece, that piece is mended first. What it says matters not: the next call decides.
  if (resume) await cryptsetup(run, ["repair", "--key-file=-", device], [key]);
  let line = "";
  return await cryptsetup(run, ["reencrypt", ...how, "--key-file=-", ...saying, ...which], [key], {
    limit: LIMIT,
    until,
    heard(chunk) {
      const lines = `${line}${chunk.toString("latin1")}`.slice(-2000).split("\n");
      line = lines.pop() ?? "";
      const progress = progressOf(lines.at(-1) ?? "");
      if (progress !== null) says(progress);
    },
  });
}

/** `{"device_bytes":"1073741824","device_size":"1556086784","eta_ms":"1761", ...}` */
function progressOf(line: string): string | null {
  const [done, size, eta] = ["device_bytes", "device_size", "eta_ms"].map((name) =>
    Number(new RegExp(`"${name}":"([0-9]{1,20})"`).exec(line)?.[1]),
  );
  if (done === undefined || size === undefined || !(done <= size) || size === 0) return null;
  const percent = `${((100 * done) / size).toFixed(1)}%`;
  return eta === undefined || !(eta > 0) ? percent : `${percent}, ${Math.ceil(eta / 1000)} s to go`;
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
