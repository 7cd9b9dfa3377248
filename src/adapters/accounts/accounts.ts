/**
 * Accounts: the numbers of the host's users and groups. A number is taken as it is; a name is looked for in
 * /etc/passwd and /etc/group, and then with getent(1), which asks LDAP and the like.
 */
import { readFileSync } from "node:fs";
import { KeywardError } from "../../base/errors.ts";
import type { DurationMs } from "../../base/time.ts";
import { printable } from "../../model/name.ts";
import { type RunProgram, runProgram } from "../process.ts";

export interface Accounts {
  /** @throws KeywardError `local` when there is no such user. */
  uidOf(user: string): Promise<number>;
  /** @throws KeywardError `local` when there is no such group. */
  gidOf(group: string): Promise<number>;
}

export interface AccountsParts {
  readonly passwd?: string;
  readonly group?: string;
  readonly run?: RunProgram;
}

const GETENT_LIMIT = 5000 as DurationMs;
/** 4294967295 means "leave as it is" to chown(2). */
const HIGHEST_ID = 4_294_967_294;

/** Both files have the name in the first field and the number in the third (passwd(5), group(5)). */
export function createAccounts({
  passwd = "/etc/passwd",
  group = "/etc/group",
  run = runProgram,
}: AccountsParts = {}): Accounts {
  return {
    uidOf: (name) => idOf(name, "user", passwd, "passwd", run),
    gidOf: (name) => idOf(name, "group", group, "group", run),
  };
}

async function idOf(
  name: string,
  what: string,
  file: string,
  database: string,
  run: RunProgram,
): Promise<number> {
  if (/^[0-9]{1,10}$/.test(name)) {
    if (Number(name) <= HIGHEST_ID) return Number(name);
    throw new KeywardError("local", `${what} ${name}: larger than any ${what} number`);
  }
  // A dash first would be an option to getent, a colon another field.
  if (!/^[^-:\s][^:\s]{0,63}$/.test(name)) {
    throw new KeywardError("local", `${what} ${printable(name)}: not a name that a host could have`);
  }
  const id = find(name, textOf(file)) ?? find(name, await ask(database, name, run));
  if (id !== null) return id;
  throw new KeywardError("local", `${what} ${printable(name)}: not known on this host`, {
    hint: `make the ${what} first, or change the grant's owner and group`,
  });
}

function find(name: string, text: string): number | null {
  for (const line of text.split("\n")) {
    const fields = line.split(":");
    if (fields[0] === name && /^[0-9]{1,10}$/.test(fields[2] ?? "")) return Number(fields[2]);
  }
  return null;
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

async function ask(database: string, name: string, run: RunProgram): Promise<string> {
  const { end, output } = await run({ argv: ["getent", database, name], limit: GETENT_LIMIT });
  return end.kind === "exited" && end.status === 0 ? Buffer.from(output).toString("utf8") : "";
}
