/**
 * Knife's command line, as far as it is about data bags, vaults, nodes and search: its words, its flags, its layouts,
 * its exit statuses, so that scripts which call it and read what it prints go on. Where it is otherwise stands in
 * docs/knife.md.
 */
import { isKeywardError } from "../../base/errors.ts";
import { version } from "../../command/release.ts";
import type { World } from "../../command/world.ts";
import { KnifeCall } from "./call.ts";
import { knifeConfig } from "./config.ts";
import { createBag, deleteBag, editItem, fromFile, listBags, showBag } from "./data-bag.ts";
import { failureOf, KnifeExit } from "./failure.ts";
import { KnifeFlagError, type KnifeFlags, type KnifeTyped, knifeUsage, parseKnifeFlags } from "./flags.ts";
import type { KnifeFormat } from "./layout.ts";
import { listNodes, showNode } from "./node.ts";
import {
  cleanUnknownFlags,
  commonFlags,
  nodeFlags,
  readerFlags,
  secretFlags,
  uriFlags,
  valueFlags,
  vaultFlags,
} from "./options.ts";
import { search } from "./search.ts";
import { KnifeUi } from "./ui.ts";
import {
  createItem,
  deleteItem,
  downloadFile,
  editVault,
  isVault,
  itemType,
  listVaults,
  refreshItem,
  removeFrom,
  rotateAll,
  rotateItem,
  showVault,
  updateItem,
} from "./vault.ts";

interface KnifeCommand {
  /** What stands after the words in help. */
  readonly banner: string;
  readonly flags: KnifeFlags;
  run(call: KnifeCall): Promise<void>;
}

const commands: Readonly<Record<string, KnifeCommand>> = {
  "data bag create": { banner: "BAG [ITEM] (options)", flags: secretFlags, run: createBag },
  "data bag delete": { banner: "BAG [ITEM] (options)", flags: {}, run: deleteBag },
  "data bag edit": { banner: "BAG ITEM (options)", flags: secretFlags, run: editItem },
  "data bag from file": {
    banner: "BAG FILE|FOLDER [FILE|FOLDER..] (options)",
    flags: {
      ...secretFlags,
      all: {
        type: "boolean",
        long: "all",
        short: "a",
        help: "Upload all data bags or all items for specified data bags.",
      },
    },
    run: fromFile,
  },
  "data bag list": { banner: "(options)", flags: uriFlags, run: listBags },
  "data bag show": { banner: "BAG [ITEM] (options)", flags: secretFlags, run: showBag },
  "node list": { banner: "(options)", flags: uriFlags, run: listNodes },
  "node show": {
    banner: "NODE (options)",
    flags: {
      ...nodeFlags,
      environment: {
        type: "boolean",
        long: "environment",
        short: "E",
        help: "Show only the Chef Infra Client environment.",
      },
    },
    run: showNode,
  },
  search: {
    banner: "INDEX QUERY (options)",
    flags: {
      ...nodeFlags,
      filter_result: {
        type: "string",
        long: "filter-result",
        short: "f",
        value: "FILTER",
        help: 'Only return specific attributes of the matching objects; for example: "ServerName=name, Kernel=kernel.version".',
      },
      id_only: {
        type: "boolean",
        long: "id-only",
        short: "i",
        help: "Show only the ID of matching objects.",
      },
      query: {
        type: "string",
        long: "query",
        short: "q",
        value: "QUERY",
        help: "The search query; useful to protect queries starting with -.",
      },
      rows: {
        type: "string",
        long: "rows",
        short: "R",
        value: "INT",
        help: "The number of rows to ask for at once.",
      },
      start: {
        type: "string",
        long: "start",
        short: "b",
        value: "ROW",
        help: "The row to start returning results at.",
      },
    },
    run: search,
  },
  "vault create": {
    banner: "VAULT ITEM (options)",
    flags: { ...vaultFlags, ...readerFlags, ...valueFlags },
    run: createItem,
  },
  "vault delete": { banner: "VAULT ITEM (options)", flags: vaultFlags, run: deleteItem },
  "vault download": { banner: "VAULT ITEM PATH (options)", flags: vaultFlags, run: downloadFile },
  "vault edit": { banner: "VAULT ITEM (options)", flags: vaultFlags, run: editVault },
  "vault isvault": { banner: "VAULT ITEM (options)", flags: vaultFlags, run: isVault },
  "vault itemtype": { banner: "VAULT ITEM (options)", flags: vaultFlags, run: itemType },
  "vault list": { banner: "(options)", flags: vaultFlags, run: listVaults },
  "vault refresh": {
    banner: "VAULT ITEM",
    flags: {
      ...vaultFlags,
      ...cleanUnknownFlags,
      skip_reencryption: {
        type: "boolean",
        long: "skip-reencryption",
        help: "Leave the keys of those who have one as they are.",
      },
    },
    run: refreshItem,
  },
  "vault remove": {
    banner: "VAULT ITEM VALUES (options)",
    flags: { ...vaultFlags, ...readerFlags, ...cleanUnknownFlags },
    run: removeFrom,
  },
  "vault rotate all keys": { banner: "", flags: { ...vaultFlags, ...cleanUnknownFlags }, run: rotateAll },
  "vault rotate keys": {
    banner: "VAULT ITEM (options)",
    flags: { ...vaultFlags, ...cleanUnknownFlags },
    run: rotateItem,
  },
  "vault show": {
    banner: "VAULT [ITEM] [VALUES] (options)",
    flags: {
      ...vaultFlags,
      print: {
        type: "string",
        long: "print",
        short: "p",
        value: "TYPE",
        help: "Print extra vault data, can be search, admins, clients or all",
      },
    },
    run: showVault,
  },
  "vault update": {
    banner: "VAULT ITEM (options)",
    flags: {
      ...vaultFlags,
      ...readerFlags,
      ...valueFlags,
      clean: { type: "boolean", long: "clean", help: "Clean clients before performing search" },
    },
    run: updateItem,
  },
};

/** @returns The exit status. */
export async function knife(args: readonly string[], world: World): Promise<number> {
  const ui = new KnifeUi(world, "summary", false);
  const [first] = args;
  if (first === undefined || first.startsWith("-")) {
    if (first === "-v" || first === "--version") {
      ui.msg(`keyward: ${version}`);
      return 0;
    }
    return overview(ui, first === "-h" || first === "--help" ? 0 : 1);
  }
  const name = commandIn(args);
  const command = name === null ? undefined : commands[name];
  if (name === null || command === undefined) {
    // The rest may be values that were given as words.
    ui.info(`FATAL: Cannot find subcommand for: '${args.slice(0, 3).filter(isWord).join(" ")}'`);
    return overview(ui, 10, first);
  }
  const usage = knifeUsage(`knife ${name} ${command.banner}`.trimEnd(), flagsOf(command));
  let typed: KnifeTyped;
  try {
    typed = parseKnifeFlags(args, flagsOf(command));
  } catch (error) {
    if (!(error instanceof KnifeFlagError)) throw error;
    ui.msg(error.status === 2 ? `${error.message}\n${usage}` : `Error: ${error.message}\nUSAGE: ${usage}`);
    return error.status;
  }
  if (typed.on("version")) {
    ui.msg(`keyward: ${version}`);
    return 0;
  }
  if (typed.on("help")) {
    ui.msg(usage);
    return 1;
  }
  return await run(name, command, typed, usage, world);
}

async function run(
  name: string,
  command: KnifeCommand,
  typed: KnifeTyped,
  usage: string,
  world: World,
): Promise<number> {
  const ui = new KnifeUi(world, (typed.text("format") ?? "summary") as KnifeFormat, typed.on("yes"));
  let call: KnifeCall | undefined;
  try {
    const config = knifeConfig(world, typed);
    call = new KnifeCall({ world, ui, typed, config, usage, words: without(typed.words, name) });
    await command.run(call);
    return 0;
  } catch (error) {
    if (error instanceof KnifeExit) return error.status;
    const { server = "", user = "", key = "" } = call?.config ?? {};
    const failure = failureOf(error, { url: server, user, key });
    if (failure === null) throw error;
    ui.error(failure.error);
    for (const line of failure.info) ui.info(line);
    return isKeywardError(error, "internal") ? 2 : 100;
  } finally {
    call?.close();
  }
}

function flagsOf({ flags }: KnifeCommand): KnifeFlags {
  return { ...commonFlags, ...flags };
}

function isWord(text: string): boolean {
  return /^[A-Za-z0-9][\w-]*$/.test(text);
}

/** The longest command that the words begin with; `_` and `-` stand for blanks. */
function commandIn(args: readonly string[]): string | null {
  const words = args.filter(isWord).map((word) => word.replace(/[_-]/g, " "));
  for (let length = Math.min(words.length, 4); length > 0; length--) {
    const name = words.slice(0, length).join(" ");
    if (Object.hasOwn(commands, name)) return name;
  }
  return null;
}

/** Each word of the command goes once; one may hold several, as `data_bag`. */
function without(words: readonly string[], name: string): string[] {
  let left = name.split(" ");
  return words.filter((word) => {
    const parts = word.split(/[_-]/);
    const begins = parts.every((part, i) => left[i] === part);
    if (begins) left = left.slice(parts.length);
    return !begins;
  });
}

/** @param word - Which category of them was meant. */
function overview(ui: KnifeUi, status: number, word?: string): number {
  const names = Object.keys(commands).sort();
  const category = ["data bag", "node", "vault"].find((one) => one.split(" ")[0] === word);
  const some = category === undefined ? names : names.filter((name) => name.startsWith(`${category} `));
  const lines = some.map((name) => `knife ${name} ${commands[name]?.banner}`.trimEnd());
  const what = category === undefined ? "" : `${category} `;
  ui.msg(`Available ${what}subcommands: (for details, knife SUB-COMMAND --help)\n\n${lines.join("\n")}`);
  return status;
}
