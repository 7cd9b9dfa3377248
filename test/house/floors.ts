/**
 * The house as data: which room stands on which floor. A file may import from its own room and from rooms on
 * lower floors; rooms on one floor are neighbours and leave each other alone. `house.test.ts` checks every
 * import against this, and that the drawing in docs/architecture.md is made of it.
 */
export interface Room {
  readonly name: string;
  /** What the room is for, in a few words. */
  readonly holds: string;
}

/** From the ground up. */
export const floors: readonly (readonly Room[])[] = [
  [{ name: "base", holds: "bytes, errors, Secret, time" }],
  [
    { name: "crypto", holds: "one primitive a file" },
    { name: "model", holds: "the nouns and their rules, pure" },
  ],
  [
    { name: "formats", holds: "wire formats, pure codecs" },
    { name: "derive", holds: "keys made again from a seed, a scheme a folder" },
    { name: "store", holds: "what keeps records" },
    { name: "api", holds: "operations and shapes" },
  ],
  [
    { name: "records", holds: "how each noun is kept" },
    { name: "seal", holds: "what protects the root key" },
    { name: "adapters", holds: "programs of the host" },
  ],
  [
    { name: "audit", holds: "permission, change and event in one step" },
    { name: "seed", holds: "a machine's seed: its places, its ledger, its keys" },
    { name: "disk", holds: "a machine's encrypted volumes" },
  ],
  [
    { name: "keyring", holds: "what is kept" },
    { name: "authority", holds: "who is vouched for" },
    { name: "access", holds: "who may" },
    { name: "fleet", holds: "who gets what" },
    { name: "secretary", holds: "who may open which sealed value" },
  ],
  [
    { name: "client", holds: "the HTTPS client" },
    { name: "delivery", holds: "keys pushed to nodes without an agent" },
    { name: "command", holds: "what a command is made of: flags, files, prompts, tables" },
  ],
  [
    { name: "server", holds: "the API, served" },
    { name: "agent", holds: "watch, install, prove" },
  ],
  [
    { name: "machine", holds: "this machine's seed, ledger and disks, for commands" },
    { name: "chef", holds: "data bags, vaults and nodes of Chef, for commands" },
    { name: "configuration", holds: "sealed values in files and environments, for commands" },
  ],
  [{ name: "cli", holds: "one file a command" }],
];

/** Inside these rooms each folder is a room of its own, which does not know its neighbours. */
export const partitioned: readonly string[] = ["formats", "derive", "adapters"];

/** Rooms of the command line. */
const typed = ["command", "machine", "chef", "configuration", "cli"];

/** Modules of the runtime that only these rooms may use. */
export const reserved: Readonly<Record<string, readonly string[]>> = {
  "node:child_process": ["adapters"],
  "node:cluster": [],
  "node:inspector": [],
  "node:vm": [],
  "node:sqlite": ["store"],
  "node:http": ["adapters", "client", "server"],
  "node:https": ["adapters", "client", "server"],
  "node:tls": ["adapters", "client", "server"],
  "node:net": ["adapters", "client", "server"],
  "node:dgram": [],
  "node:fs": ["base", "store", "seal", "adapters", "agent", "server", ...typed],
  "node:fs/promises": ["base", "store", "seal", "adapters", "agent", "server", ...typed],
};
