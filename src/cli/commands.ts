/**
 * The commands in one table: name, summary, and how to load each. Data only, because every start reads it;
 * what a command does, and everything that it needs, is in the module that `load` imports.
 */
import type { Runnable } from "../command/command.ts";

export const chapters = {
  start: "Set up",
  keys: "Keys, and who gets them",
  values: "Sealed values in configuration",
  operate: "Look and prove",
  access: "Who may",
  help: "Help",
} as const;

export interface Entry {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly chapter: keyof typeof chapters;
  readonly summary: string;
  readonly load: () => Promise<{ readonly command: Runnable }>;
}

export const commands: readonly Entry[] = [
  {
    name: "init",
    chapter: "start",
    summary: "Make a new store: root key, seal, CA and an operator token",
    load: () => import("./commands/init.ts"),
  },
  {
    name: "server",
    aliases: ["serve"],
    chapter: "start",
    summary: "Serve a store over HTTPS",
    load: () => import("./commands/server.ts"),
  },
  {
    name: "agent",
    chapter: "start",
    summary: "Enrol this node, then install and withdraw its keys",
    load: () => import("./commands/agent.ts"),
  },
  {
    name: "login",
    chapter: "start",
    summary: "Remember a server, its CA and a token",
    load: () => import("./commands/login.ts"),
  },
  {
    name: "key",
    chapter: "keys",
    summary: "Store, generate, read, rotate and destroy keys",
    load: () => import("./commands/key.ts"),
  },
  {
    name: "node",
    chapter: "keys",
    summary: "Machines: enrol, describe, freeze, revoke",
    load: () => import("./commands/node.ts"),
  },
  {
    name: "unlock",
    chapter: "keys",
    summary: "Open this node's encrypted volumes with keys from the server",
    load: () => import("./commands/unlock.ts"),
  },
  {
    name: "disk",
    chapter: "keys",
    summary: "Encrypted volumes: unlock, rotate, lock",
    load: () => import("./commands/disk.ts"),
  },
  {
    name: "grant",
    chapter: "keys",
    summary: "Grant keys to the nodes that a query selects",
    load: () => import("./commands/grant.ts"),
  },
  {
    name: "derive",
    chapter: "keys",
    summary: "Derive a realm's key from the seed",
    load: () => import("./commands/derive.ts"),
  },
  {
    name: "gokey",
    chapter: "keys",
    summary: "Derive passwords and keys from a master password, as gokey does",
    load: () => import("./commands/gokey.ts"),
  },
  {
    name: "realm",
    chapter: "keys",
    summary: "The ledger of a seed: which keys follow from it, in which version",
    load: () => import("./commands/realm.ts"),
  },
  {
    name: "seed",
    chapter: "keys",
    summary: "Make, keep, split, recover and rotate a machine's seed",
    load: () => import("./commands/seed.ts"),
  },
  {
    name: "plan",
    chapter: "keys",
    summary: "Who gains and who loses what, and why",
    load: () => import("./commands/plan.ts"),
  },
  {
    name: "why",
    chapter: "keys",
    summary: "Why a node has a key, or what is missing",
    load: () => import("./commands/why.ts"),
  },
  {
    name: "query",
    chapter: "keys",
    summary: "Try a query on the nodes",
    load: () => import("./commands/query.ts"),
  },
  {
    name: "pillar",
    chapter: "keys",
    summary: "What a node should hold, for Salt's external pillars",
    load: () => import("./commands/pillar.ts"),
  },
  {
    name: "push",
    chapter: "keys",
    summary: "Push to nodes without an agent what they should hold",
    load: () => import("./commands/push.ts"),
  },
  {
    name: "inventory",
    chapter: "keys",
    summary: "Bring nodes in from a Chef server, and ask its queries of them",
    load: () => import("./commands/inventory.ts"),
  },
  {
    name: "import",
    chapter: "keys",
    summary: "Make keys and grants of what KeyMaster distributes",
    load: () => import("./commands/import.ts"),
  },
  {
    name: "daemon",
    chapter: "values",
    summary: "Open sealed values for the tasks that Marathon or Mesos vouches for",
    load: () => import("./commands/daemon.ts"),
  },
  {
    name: "genkeys",
    chapter: "values",
    summary: "Make key pairs for sealed values",
    load: () => import("./commands/genkeys.ts"),
  },
  {
    name: "encrypt",
    chapter: "values",
    summary: "Seal a value for an environment and a variable",
    load: () => import("./commands/encrypt.ts"),
  },
  {
    name: "decrypt",
    chapter: "values",
    summary: "Open the sealed values in a text or in the environment",
    load: () => import("./commands/decrypt.ts"),
  },
  {
    name: "exec",
    chapter: "values",
    summary: "Run a program with its sealed values opened",
    load: () => import("./commands/exec.ts"),
  },
  {
    name: "inject",
    chapter: "values",
    summary: "Write deploy keys into apps, jobs, services and pods with sealed values",
    load: () => import("./commands/inject.ts"),
  },
  {
    name: "reseal",
    chapter: "values",
    summary: "Seal the envelopes of files anew, to new keys or in the new format",
    load: () => import("./commands/reseal.ts"),
  },
  {
    name: "scan",
    chapter: "values",
    summary: "List sealed values, and plain-text values that look like secrets",
    load: () => import("./commands/scan.ts"),
  },
  {
    name: "secretary",
    chapter: "values",
    summary: "The command line of the original Secretary",
    load: () => import("./commands/secretary.ts"),
  },
  {
    name: "data-bag",
    chapter: "values",
    summary: "Chef's encrypted data bags: read, write, reseal",
    load: () => import("./commands/data-bag.ts"),
  },
  {
    name: "vault-item",
    chapter: "values",
    summary: "chef-vault's items, encrypted for each reader",
    load: () => import("./commands/vault-item.ts"),
  },
  {
    name: "knife",
    chapter: "values",
    summary: "Data bags, vaults, nodes and search, in knife's words and layouts",
    load: () => import("./commands/knife.ts"),
  },
  {
    name: "status",
    chapter: "operate",
    summary: "Is the server there, is it sealed",
    load: () => import("./commands/status.ts"),
  },
  {
    name: "doctor",
    chapter: "operate",
    summary: "Say what wants to be seen to, and the next step",
    load: () => import("./commands/doctor.ts"),
  },
  {
    name: "seal",
    chapter: "operate",
    summary: "Seal the server; list, add and remove seals",
    load: () => import("./commands/seal.ts"),
  },
  {
    name: "unseal",
    chapter: "operate",
    summary: "Open a seal with its passphrase or key file",
    load: () => import("./commands/unseal.ts"),
  },
  {
    name: "audit",
    chapter: "operate",
    summary: "Read, follow, export and verify the audit log",
    load: () => import("./commands/audit.ts"),
  },
  {
    name: "whoami",
    chapter: "access",
    summary: "Who you are to the server, and what you may",
    load: () => import("./commands/whoami.ts"),
  },
  {
    name: "token",
    chapter: "access",
    summary: "Tokens of operators",
    load: () => import("./commands/token.ts"),
  },
  {
    name: "rule",
    chapter: "access",
    summary: "Rules: which actions on which names",
    load: () => import("./commands/rule.ts"),
  },
  {
    name: "ca",
    chapter: "access",
    summary: "The certificates to trust",
    load: () => import("./commands/ca.ts"),
  },
  {
    name: "cert",
    chapter: "access",
    summary: "Certificates for other programs and for operators",
    load: () => import("./commands/cert.ts"),
  },
  {
    name: "ssh",
    chapter: "access",
    summary: "Who Keyward is to hosts, and SSH certificates",
    load: () => import("./commands/ssh.ts"),
  },
  {
    name: "completion",
    chapter: "help",
    summary: "Completion for bash, zsh or fish",
    load: () => import("./commands/completion.ts"),
  },
  {
    name: "help",
    chapter: "help",
    summary: "Help on a command, on exit codes or on the environment",
    load: () => import("./commands/help.ts"),
  },
  {
    name: "version",
    chapter: "help",
    summary: "Print the version",
    load: () => import("./commands/version.ts"),
  },
];

export function findCommand(name: string): Entry | null {
  return commands.find((entry) => entry.name === name || entry.aliases?.includes(name)) ?? null;
}
