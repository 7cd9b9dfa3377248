/** `keyward grant`: which keys go to which nodes, and how they arrive. */
import type { BodyOf, ResponseOf } from "../../api/shapes.ts";
import { KeywardError } from "../../base/errors.ts";
import { parseDuration } from "../../base/time.ts";
import { act } from "../../command/command.ts";
import { present, required } from "../../command/read-flags.ts";
import { changeBlocks, duration, underscored } from "../../command/view.ts";
import { formatMode, parseInstallPath, parseMode } from "../../model/grant.ts";
import { parseKeyName } from "../../model/name.ts";
import { runnable } from "../run.ts";
import { isUnlock, unlockCells, unlockFlags, unlockOf } from "../unlock-flags.ts";

type Grant = ResponseOf<"grant.add">["grant"];
type Delivery = BodyOf<"grant.add">["delivery"];
type FileDelivery = Extract<Delivery, { kind: "file" }>;

const add = act({
  summary: "Grant a key to the nodes that a query selects",
  words: ["KEY"],
  rest: "PROGRAM ARGUMENT...",
  flags: {
    to: { type: "string", value: "QUERY", help: "Which nodes, as 'role:api AND env:prod'" },
    path: {
      type: "string",
      value: "PATH",
      help: "The file on the node; relative: below the agent's directory",
    },
    owner: { type: "string", value: "USER", help: "The file's owner; the agent's own unless given" },
    group: { type: "string", value: "GROUP", help: "The file's group" },
    mode: { type: "string", value: "MODE", help: "The file's permission bits (0400)" },
    offline: {
      type: "string",
      value: "TIME",
      help: "How long the node may use it while no server answers: never, or as 24h (never)",
    },
    run: {
      type: "string",
      multiple: true,
      value: "WORD",
      help: "What to run after a change, a flag for each word",
    },
    ...unlockFlags,
  },
  calls: ["grant.add"],
  examples: [
    "keyward grant add db/orders/password --to 'role:api AND env:prod' --path orders.password",
    "keyward grant add tls/api/key --to role:api --path /etc/api/tls.key --owner api --mode 0440 -- systemctl reload api",
    "keyward grant add db/orders/password --to 'env:*' --path orders.password --dry-run",
    "keyward grant add disk/db1 --to name:db1 --unlock luks --device /dev/disk/by-id/virtio-data --name data --mount /srv/data --fstype ext4 --start mongodb.service",
    "keyward grant add disk/db1 --to name:db1 --unlock luks --device /dev/disk/by-id/virtio-data --name data --escrow 2/3 --holder alice.pub --holder bob.pub --holder carol.pub",
  ],
  notes: [
    "What follows -- is run on the node once for each change, after all files of that change are in place: a program and its arguments, never a shell's command line. Repeated --run flags say the same, word by word. The path is the key's name unless it is given. A program, or a path that is absolute, needs the right grant:run.",
    "With --unlock the key opens an encrypted volume and lies in no file: the node asks for it when it opens the volume, and gets it when the conditions hold. A key opens one volume of a node. It needs the right grant:run. With --offline a copy of its key is kept on the node, sealed to it, and opens the volume while no server answers; the conditions are the server's to see to, and are not to be had together with it.",
  ],
  async run({ call, out, world, dryRun }, { words: [name = ""], flags, rest }) {
    const key = parseKeyName(name);
    const ofFile = {
      path: flags.path,
      owner: flags.owner,
      group: flags.group,
      mode: flags.mode,
    };
    const delivery: Delivery = isUnlock(flags)
      ? unlockOf(flags, flags.offline, { ...ofFile, run: flags.run ?? rest }, world.cwd)
      : present({
          kind: "file" as const,
          path: parseInstallPath(flags.path ?? name),
          owner: flags.owner,
          group: flags.group,
          mode: parseMode(flags.mode ?? "0400"),
          run: programOf(flags.run, rest),
          offline: offlineOf(flags.offline ?? "never"),
        });
    const answer = await call("grant.add", { body: { key, query: required(flags.to, "to"), delivery } });
    const line = dryRun ? `would be granted: ${key}` : `granted ${key} as ${answer.grant.id}`;
    if (answer.effect.length === 0)
      out.note(`no node gains it by this now${underscored(answer.grant.query)}`);
    out.show(answer, { blocks: changeBlocks(line, answer.effect), names: [answer.grant.id] });
  },
});

/** @throws KeywardError `usage` */
function offlineOf(text: string): FileDelivery["offline"] {
  return text === "never" ? "never" : parseDuration(text);
}

/** @throws KeywardError `usage` */
function programOf(
  flags: readonly string[] | undefined,
  rest: readonly string[] | undefined,
): string[] | undefined {
  if (flags !== undefined && rest !== undefined)
    throw new KeywardError("usage", "say what to run either with --run or after --, not both");
  if (rest?.length === 0)
    throw new KeywardError("usage", "nothing follows --", { hint: "as: -- systemctl reload orders" });
  const words = flags ?? rest;
  return words === undefined ? undefined : [...words];
}

const list = act({
  summary: "List grants, all or those of a key",
  words: ["[KEY]"],
  flags: {},
  calls: ["grant.list"],
  examples: ["keyward grant list", "keyward grant list db/orders/password"],
  async run({ call, out }, { words: [key] }) {
    const query = key === undefined ? {} : { key: parseKeyName(key) };
    const answer = await call("grant.list", { query });
    out.show(answer, {
      blocks: [
        {
          kind: "table",
          head: ["ID", "KEY", "TO", "PATH", "OWNER", "MODE", "OFFLINE", "RUN"],
          rows: answer.grants.map(rowOf),
        },
      ],
      names: answer.grants.map((grant) => grant.id),
    });
    if (answer.grants.length === 0) out.note("no grants; add one: keyward grant add KEY --to QUERY");
  },
});

function rowOf({ id, key, query, delivery }: Grant): string[] {
  if (delivery.kind === "unlock") return [id, key, query, ...unlockCells(delivery)];
  const { owner = "", group = "", offline } = delivery;
  return [
    id,
    key,
    query,
    delivery.path,
    group === "" ? owner : `${owner}:${group}`,
    formatMode(delivery.mode),
    offline === "never" ? "never" : duration(offline),
    delivery.run?.map(quoteWord).join(" ") ?? "",
  ];
}

function quoteWord(word: string): string {
  return /^[\w./:=@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

const rm = act({
  summary: "Remove a grant; nodes lose the key",
  words: ["ID"],
  flags: {},
  calls: ["grant.remove"],
  examples: ["keyward grant rm g-4k2p --dry-run", "keyward grant rm g-4k2p"],
  async run({ call, out, dryRun }, { words: [id = ""] }) {
    const answer = await call("grant.remove", { path: { id } });
    const line = `${dryRun ? "would be removed" : "removed"}: ${id}, ${answer.grant.key} to ${answer.grant.query}`;
    out.show(answer, { blocks: changeBlocks(line, answer.effect), names: [id] });
  },
});

export const command = runnable("grant", {
  summary: "Grants: a key, a query over nodes, and how the key is delivered.",
  acts: { add, list, rm },
});
