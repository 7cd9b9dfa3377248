/** Numbers of users and groups on a remote host: from its own files, or from what it asks beyond them. */
import { fromUtf8 } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import type { Secret } from "../../base/secret.ts";
import { encodeArguments, runCommand } from "./arguments.ts";
import type { Link } from "./link.ts";

export interface Names {
  /** @throws KeywardError `local` for a name that the host does not know. */
  ownerOf(owner: string | undefined, group: string | undefined): Promise<{ uid: number; gid: number }>;
}

interface NamesNeeds {
  readonly link: Link;
  readonly what: string;
  readonly read: (path: string, limit: number) => Promise<Secret | null>;
}

interface Entry {
  readonly id: number;
  /** A user's own group. */
  readonly group: number;
}

const LIMIT = 4_194_304;
type Database = "passwd" | "group";

export function createNames({ link, what, read }: NamesNeeds): Names {
  const tables = new Map<Database, Promise<ReadonlyMap<string, Entry>>>();

  function table(database: Database): Promise<ReadonlyMap<string, Entry>> {
    const known = tables.get(database);
    if (known !== undefined) return known;
    const reading = read(`/etc/${database}`, LIMIT).then((file) =>
      entriesOf(file?.reveal() ?? new Uint8Array(), database),
    );
    tables.set(database, reading);
    return reading;
  }

  /** Of a directory service, say. */
  async function beyond(database: Database, name: string): Promise<Entry | undefined> {
    const { stdout } = await link.execute(runCommand, encodeArguments(["getent", database, name], {}), 4096);
    return entriesOf(stdout, database).get(name);
  }

  async function find(database: Database, name: string): Promise<Entry> {
    if (/^[0-9]{1,9}$/.test(name)) return { id: Number(name), group: Number(name) };
    const found = (await table(database)).get(name) ?? (await beyond(database, name));
    if (found !== undefined) return found;
    const noun = database === "passwd" ? "user" : "group";
    throw new KeywardError("local", `${what}: ${noun} ${JSON.stringify(name)}: not known there`);
  }

  return {
    async ownerOf(owner, group) {
      const user = await find("passwd", owner ?? link.user);
      return { uid: user.id, gid: group === undefined ? user.group : (await find("group", group)).id };
    },
  };
}

/** `name:x:id:…`; a user's line goes on with its group. */
function entriesOf(bytes: Uint8Array, database: Database): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  for (const line of fromUtf8(bytes, database).split("\n")) {
    const [name = "", , id = "", group = ""] = line.split(":");
    const numbers = { id: Number(id), group: database === "passwd" ? Number(group) : Number(id) };
    if (name === "" || !/^[0-9]+$/.test(id) || !Number.isSafeInteger(numbers.group)) continue;
    if (!entries.has(name)) entries.set(name, numbers);
  }
  return entries;
}
