/** Arguments: keys, paths and names that may reach cryptsetup, which would take some of them for something else. */
import { realpathSync } from "node:fs";
import { KeywardError } from "../../base/errors.ts";
import type { Secret } from "../../base/secret.ts";
import { printable } from "../../model/name.ts";

const LEAST_KEY = 32;

/** @throws KeywardError `usage` */
export function assertKey(key: Secret): Secret {
  if (key.length === 0) throw new KeywardError("usage", "the key of a volume is empty");
  return key;
}

/** @throws KeywardError `usage` */
export function assertRandom(key: Secret): void {
  if (key.length < LEAST_KEY)
    throw new KeywardError("usage", `the key of a volume: want ${LEAST_KEY} random bytes or more`);
}

/** No option, and nothing that another working directory changes. @throws KeywardError `usage` */
export function assertPath(path: string): string {
  if (path.startsWith("/") && !path.includes("\0") && path.length <= 4096) return path;
  throw new KeywardError("usage", `path ${printable(path)}: want an absolute one`);
}

/** @throws KeywardError `usage` */
export function assertName(name: string): string {
  if (/^[A-Za-z0-9_][A-Za-z0-9_.+-]{0,126}$/.test(name)) return name;
  throw new KeywardError(
    "usage",
    `volume ${printable(name)}: want letters, digits and _ . + - , 127 at most`,
  );
}

/** No slot: any. */
export const inSlot = (slot?: number): string[] => (slot === undefined ? [] : [`--key-slot=${slot}`]);

/** Without links; as it is when it is not there. */
export function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
