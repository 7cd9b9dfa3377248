/** `keyward import`: what other programs distribute becomes keys and grants. */
import path from "node:path";
import { KeywardError } from "../../base/errors.ts";
import { readDataBagSecret } from "../../chef/data-bag/secret-flag.ts";
import { bagInRepository, bagOnServer, type ItemBag } from "../../chef/keymaster/bag.ts";
import { createImport, type ImportRound, type ItemChange } from "../../chef/keymaster/import.ts";
import { chefServerFlags, chefServerWords, openChefServer } from "../../chef/server-flags.ts";
import { act } from "../../command/command.ts";
import type { Block, Output } from "../../command/output.ts";
import { required } from "../../command/read-flags.ts";
import { inRounds, roundFlags } from "../../command/rounds.ts";
import type { Session } from "../../command/session.ts";
import type { Cell } from "../../command/terminal.ts";
import { planBlock } from "../../command/view.ts";
import { cookbook } from "../../formats/keymaster/keymaster.ts";
import { parseDataBagName } from "../../model/data-bag.ts";
import { formatMode, parseMode } from "../../model/grant.ts";
import { runnable } from "../run.ts";

const keymaster = act({
  summary: "Make keys and grants of the items of KeyMaster's data bag",
  words: [],
  flags: {
    ...chefServerFlags,
    repository: { type: "string", value: "DIR", help: "A chef repository instead of a server" },
    "secret-file": { type: "string", value: "FILE", help: "KeyMaster's master key" },
    environment: { type: "string", value: "NAME", help: "The environment whose items are taken: …-NAME" },
    "other-environment": {
      type: "string",
      multiple: true,
      value: "NAME",
      help: "One more environment that there is, where neither server nor repository says so",
    },
    bag: { type: "string", value: "NAME", help: `The data bag; ${cookbook.bag} unless given` },
    prefix: { type: "string", value: "PREFIX", help: "Begins the keys' names; keymaster/ unless given" },
    path: { type: "string", value: "DIR", help: `The folder on the nodes; ${cookbook.path} unless given` },
    owner: { type: "string", value: "USER", help: `The files' owner; ${cookbook.owner} unless given` },
    group: { type: "string", value: "GROUP", help: `The files' group; ${cookbook.group} unless given` },
    mode: {
      type: "string",
      value: "MODE",
      help: `Their permission bits; ${formatMode(cookbook.mode)} unless given`,
    },
    prune: { type: "boolean", help: "Withdraw keys whose item is gone; --follow does so as well" },
    ...roundFlags,
  },
  calls: ["key.list", "key.put", "grant.list", "grant.add", "grant.remove", "query.test"],
  examples: [
    "keyward import keymaster --repository . --secret-file keymaster.key --environment production --dry-run",
    "keyward import keymaster --chef-server https://chef.example.com/organizations/acme --chef-user keyward --chef-key keyward.pem --secret-file keymaster.key --environment production --follow",
  ],
  notes: [
    "An item is an id that ends with -ENVIRONMENT, a destination and a key, encrypted under the master key. It becomes the key keymaster/ID, granted to the nodes of the environment that the destination selects, as the file /etc/keymaster/keys/ID.key of the user keymaster.",
    "Run again it changes only what is another than before. A destination that Chef's servers read in different ways, and an item that does not open, is listed and stops no other one; the command then ends with 1.",
    "The destination looks at attributes that count: set with node set, or accepted of an inventory (keyward inventory accept).",
  ],
  async run(session, { flags }) {
    const environment = required(flags.environment, "environment");
    if (environment === "") throw new KeywardError("usage", "--environment is empty");
    if (flags.prefix !== undefined && !flags.prefix.endsWith("/"))
      throw new KeywardError("usage", "--prefix: want it to end with /, as keymaster/");
    const way = {
      environment,
      environments: flags["other-environment"] ?? [],
      prefix: flags.prefix ?? "keymaster/",
      path: flags.path ?? cookbook.path,
      owner: flags.owner ?? cookbook.owner,
      group: flags.group ?? cookbook.group,
      mode: parseMode(flags.mode ?? formatMode(cookbook.mode)),
      prune: flags.prune === true || flags.follow === true,
    };
    const secret = readDataBagSecret(session, flags["secret-file"]);
    const bag = await openBag(session, flags);
    let status = 0;
    try {
      const all = createImport(session, bag, secret, way);
      await inRounds(session, flags, async () => {
        const round = await all.round();
        session.progress.end();
        if (round === null) return;
        status = flags.follow !== true && round.items.some(({ change }) => change === "refused") ? 1 : 0;
        session.out.show(round, { blocks: blocksOf(round, session.dryRun), names: namesOf(round) });
        warn(session.out, round, way.environment);
      });
    } finally {
      bag.close();
      secret.wipe();
    }
    return status;
  },
});

async function openBag(
  session: Session<never>,
  flags: { readonly repository?: string; readonly bag?: string; readonly "chef-server"?: string },
): Promise<ItemBag> {
  const bag = parseDataBagName(flags.bag ?? cookbook.bag);
  const { repository } = flags;
  const server = chefServerWords(session.world.env, flags)["chef-server"];
  const both = repository !== undefined && flags["chef-server"] !== undefined;
  if (both || (repository === undefined && server === undefined))
    throw new KeywardError("usage", "want either --chef-server or --repository");
  return repository === undefined
    ? bagOnServer(await openChefServer(session, flags), bag)
    : bagInRepository(path.resolve(session.world.cwd, repository), bag);
}

const marks: Readonly<Record<ItemChange, Cell>> = {
  new: { text: "new", style: "green" },
  changed: { text: "changed", style: "yellow" },
  unchanged: { text: "unchanged", style: "dim" },
  refused: { text: "refused", style: "red" },
  gone: { text: "gone", style: "red" },
};

function blocksOf({ items, effect }: ImportRound, dryRun: boolean): Block[] {
  const rows = items.map(({ id, change, key = "", version, to = "", why, hint }): Cell[] => [
    id,
    marks[change],
    key,
    version === undefined ? "" : String(version),
    why === undefined ? to : { text: hint === undefined ? why : `${why}; ${hint}`, style: "red" },
  ]);
  const counts = (Object.keys(marks) as ItemChange[])
    .map((change) => [items.filter((item) => item.change === change).length, change] as const)
    .filter(([count]) => count > 0)
    .map(([count, change]) => `${count} ${change}`);
  const line = counts.length === 0 ? "no item is for this environment" : counts.join(", ");
  return [
    { kind: "table", head: ["ITEM", "CHANGE", "KEY", "VERSION", "TO"], rows },
    planBlock(effect),
    { kind: "lines", lines: [`${dryRun ? "would be: " : ""}${line}`] },
  ];
}

function namesOf({ items }: ImportRound): string[] {
  return items.flatMap(({ key, change }) => (key === undefined || change === "unchanged" ? [] : [key]));
}

function warn(out: Output, { items, effect, weak, guessed }: ImportRound, environment: string): void {
  const say = (text: string): void => out.note({ text: `warning: ${text}`, style: "yellow" });
  if (weak.length > 0)
    say(
      `whoever can write the bag can change these unseen, of version 0 or 1: ${weak.join(", ")}; keyward data-bag reseal`,
    );
  const none = items.filter(
    ({ change, key }) => change === "new" && !effect.some((line) => line.key === key),
  );
  if (none.length > 0)
    say(
      `nobody gets ${none.map(({ id }) => id).join(", ")}: no active node's attributes that count fit; why NODE KEY says what is missing, and keyward inventory accept lets what an inventory says count`,
    );
  if (guessed)
    say(
      `nobody says which environments there are: an item of non-${environment} would be taken too; --other-environment`,
    );
}

export const command = runnable("import", {
  summary: "What other programs distribute becomes keys and grants.",
  acts: { keymaster },
});
