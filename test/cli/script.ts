/**
 * Scripts that read as someone typing: a line is a command or a statement about the last one; files that
 * the script begins with follow under `-- NAME --`.
 *
 *     keyward WORDS [< FILE] [> FILE]   must end with 0
 *     ! keyward WORDS                   must end with something else
 *     exit N                            the last one ended with N
 *     stdout REGEX, stderr REGEX        the last one printed; with ! before it: did not
 *     exists FILE, cmp A B              with ! before it: not; A may be stdout
 *     grep REGEX FILE                   with ! before it: not
 *     mode MODE FILE                    permission bits, octal
 *     keep NAME REGEX                   what the group matched in stdout is $NAME from now on
 *     kms                               AWS KMS, as far as it is needed; $KMS_KEY is a key's ARN
 *     kms away, kms back                it cannot be reached from now on; it can again
 *     sshd                              a real one; $SSHD_PORT, $SSHD_USER, $SSHD_KEY
 *     sshd allow FILE                   its lines are added to the user's authorized_keys
 *     env NAME=TEXT, mkdir, cp, rm, chmod
 *     server [WORDS], agent NAME [WORDS], stop NAME, signal NAME SIGNAL
 *     wait STATEMENT                    until it holds, 15 seconds at most
 *
 * Words are split as in a shell: quotes of both kinds, $NAME outside of single quotes, # begins a comment.
 */

export interface Line {
  readonly number: number;
  readonly text: string;
  /** Begins with `!`. */
  readonly negated: boolean;
  /** Begins with `wait`. */
  readonly waits: boolean;
  readonly words: readonly Word[];
}

/** Parts of a word; names are put in when the line runs. */
export type Word = readonly ({ readonly text: string } | { readonly name: string })[];

export interface Script {
  readonly lines: readonly Line[];
  readonly files: ReadonlyMap<string, string>;
}

export function parseScript(text: string): Script {
  const [commands = "", ...sections] = text.split(/^-- (.+) --\n/m);
  const files = new Map<string, string>();
  for (let i = 0; i < sections.length; i += 2) files.set(sections[i] ?? "", sections[i + 1] ?? "");
  const lines = commands.split("\n").map(parseLine);
  return { lines: lines.filter((line) => line.words.length > 0), files };
}

function parseLine(text: string, index: number): Line {
  let rest = text.trim();
  const takes = (prefix: string): boolean => {
    if (!rest.startsWith(prefix)) return false;
    rest = rest.slice(prefix.length).trim();
    return true;
  };
  const waits = takes("wait ");
  const negated = takes("! ");
  return { number: index + 1, text: text.trim(), negated, waits, words: splitWords(rest) };
}

function splitWords(text: string): Word[] {
  const words: Word[] = [];
  const token = /(\s+)|'([^']*)'|"((?:[^"\\]|\\.)*)"|\$([A-Za-z_]\w*)|[^\s'"$]+|./gy;
  let word: Word[number][] | null = null;
  for (const [whole, blank, single, double, name] of text.matchAll(token)) {
    if (word === null && whole.startsWith("#")) break;
    if (blank !== undefined) {
      if (word !== null) words.push(word);
      word = null;
      continue;
    }
    word ??= [];
    if (double !== undefined) word.push(...inDouble(double));
    else if (name !== undefined) word.push({ name });
    else word.push({ text: single ?? whole });
  }
  if (word !== null) words.push(word);
  return words;
}

function inDouble(text: string): Word[number][] {
  return text
    .split(/(\$[A-Za-z_]\w*)/)
    .filter((part) => part !== "")
    .map((part) =>
      part.startsWith("$") ? { name: part.slice(1) } : { text: part.replace(/\\(["\\$])/g, "$1") },
    );
}

/** @throws Error for a name that nothing has set. */
export function expand(word: Word, names: ReadonlyMap<string, string>): string {
  return word
    .map((part) => {
      if ("text" in part) return part.text;
      const value = names.get(part.name);
      if (value === undefined) throw new Error(`$${part.name} is not set`);
      return value;
    })
    .join("");
}
