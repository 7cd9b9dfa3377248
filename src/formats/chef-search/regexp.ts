/**
 * Regular expressions, as far as chef-server's grammar lets them through: characters, `.` for any, `@` for any run,
 * and `?`, `+` after one. The whole word has to fit. All states are followed at once, so a match takes length of the
 * word × length of the expression steps.
 *
 * Source: Lucene 8, util/automaton/RegExp.
 */
import { unreadable } from "./tokens.ts";

interface Atom {
  /** `null`: any character. */
  readonly character: string | null;
  readonly optional: boolean;
  readonly repeated: boolean;
}

/** @throws KeywardError `malformed` */
export function compileRegexp(source: string): (word: string) => boolean {
  const atoms = atomsOf(source);
  return (word) => {
    let states = reach(new Set([0]), atoms);
    for (const character of word) {
      const next = new Set<number>();
      for (const at of states) {
        const atom = atoms[at];
        if (atom === undefined || (atom.character !== null && atom.character !== character)) continue;
        next.add(at + 1);
        if (atom.repeated) next.add(at);
      }
      states = reach(next, atoms);
      if (states.size === 0) return false;
    }
    return states.has(atoms.length);
  };
}

/** Where one may also be without another character. */
function reach(states: Set<number>, atoms: readonly Atom[]): Set<number> {
  for (const at of states) if (atoms[at]?.optional) states.add(at + 1);
  return states;
}

function atomsOf(source: string): Atom[] {
  const atoms: Atom[] = [];
  for (const [one, escaped] of source.matchAll(/\\([\s\S])|[\s\S]/gu)) {
    const last = atoms.at(-1);
    if (escaped !== undefined) atoms.push({ character: escaped, optional: false, repeated: false });
    else if (one === "\\") throw unreadable();
    else if (one === ".") atoms.push({ character: null, optional: false, repeated: false });
    else if (one === "@") atoms.push({ character: null, optional: true, repeated: true });
    else if (one !== "?" && one !== "+") atoms.push({ character: one, optional: false, repeated: false });
    else if (last === undefined) throw unreadable();
    else atoms[atoms.length - 1] = one === "?" ? { ...last, optional: true } : { ...last, repeated: true };
  }
  return atoms;
}
