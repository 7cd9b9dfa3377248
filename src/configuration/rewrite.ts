/** A file rewritten in one step, with its mode and owner, unless somebody changed it meanwhile. */
import { chmodSync, chownSync, lstatSync, realpathSync, statSync } from "node:fs";
import { KeywardError } from "../base/errors.ts";
import { replace } from "../command/write-file.ts";
import { printable } from "../model/name.ts";
import { stateOf, type Walked } from "./walk.ts";

/** @throws KeywardError `conflict` when it is no longer what was read; `local` when it cannot be written. */
export function rewrite({ file, shown, mode, state }: Walked, bytes: Uint8Array): void {
  // A link stays one: what it points to is rewritten.
  const real = lstatSync(file).isSymbolicLink() ? realpathSync(file) : file;
  const before = statSync(real);
  if (stateOf(before) !== state)
    throw new KeywardError("conflict", `${printable(shown)}: changed while it was read`, {
      hint: "try again",
    });
  // Never more open than it was; what the umask took away comes back.
  replace(real, "file", bytes, mode & 0o777);
  const after = statSync(real);
  if (after.uid !== before.uid || after.gid !== before.gid) chownSync(real, before.uid, before.gid);
  chmodSync(real, mode);
}
