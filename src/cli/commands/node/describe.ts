/** `keyward node add`, `set`, `enrol`, `approve`: a machine becomes known. */
import path from "node:path";
import { utf8 } from "../../../base/bytes.ts";
import { KeywardError } from "../../../base/errors.ts";
import { act } from "../../../command/command.ts";
import type { Block } from "../../../command/output.ts";
import { parseAttributes, period, present, treeOf } from "../../../command/read-flags.ts";
import type { Target } from "../../../command/target.ts";
import { changeBlocks, time } from "../../../command/view.ts";
import { assertAbsent, writeNew } from "../../../command/write-file.ts";
import { parseNodeName } from "../../../model/name.ts";
import { findServerBeside } from "../../data-directory.ts";

const notation =
  "NAME=TEXT sets a text, NAME:=JSON any other value, NAME- removes; dots go into trees: app.port:=80.";

export const add = act({
  summary: "Make a node known before it enrols",
  words: ["NAME", "[ATTRIBUTE...]"],
  flags: {},
  calls: ["node.add"],
  examples: ["keyward node add db1 role=api env=prod"],
  notes: [notation],
  async run({ call, out, dryRun }, { words: [name = "", ...words] }) {
    const attributes = words.length === 0 ? undefined : treeOf(parseAttributes(words));
    const answer = await call("node.add", { body: present({ name: parseNodeName(name), attributes }) });
    const line = `${dryRun ? "would be added" : "added"}: ${answer.node.name}`;
    out.show(answer, { blocks: changeBlocks(line, answer.effect), names: [answer.node.name] });
  },
});

export const set = act({
  summary: "Set or remove attributes of a node",
  words: ["NAME", "ATTRIBUTE..."],
  flags: {},
  calls: ["node.set"],
  examples: [
    "keyward node set db1 role=api env=prod",
    "keyward node set db1 app.port:=8080 legacy-",
    "keyward node set db1 env=stage --dry-run",
  ],
  notes: [notation, "--dry-run says which keys the node would gain and lose."],
  async run({ call, out, dryRun }, { words: [name = "", ...words] }) {
    const body = { attributes: parseAttributes(words) };
    const answer = await call("node.set", { path: { name: parseNodeName(name) }, body });
    const line = `${dryRun ? "would be set on" : "set on"} ${answer.node.name}: ${words.join(" ")}`;
    out.show(answer, { blocks: changeBlocks(line, answer.effect), names: [answer.node.name] });
  },
});

export const enrol = act({
  summary: "Make a one-time token with which a node enrols",
  words: ["[NAME]", "[ATTRIBUTE...]"],
  flags: {
    ttl: { type: "string", value: "TIME", help: "How long the token may be used, as 1h" },
    out: { type: "string", value: "FILE", help: "Write the token to this new file instead of showing it" },
  },
  calls: ["joinToken.create"],
  examples: [
    "keyward node enrol db1 --out db1.join",
    "keyward node enrol db1 role=api env=prod --ttl 15m --out db1.join",
    "keyward node enrol -o json",
  ],
  notes: [
    "With a name, the token is good for that node only. Attributes become attested: queries may rely on them.",
    "A node may also enrol without a token: it then waits until someone approves its fingerprint.",
  ],
  async run({ call, out, dryRun, target, world }, { words: [name, ...words], flags }) {
    const file = flags.out === undefined ? undefined : path.resolve(world.cwd, flags.out);
    if (file !== undefined) assertAbsent(file, "file");
    const answer = await call("joinToken.create", {
      body: present({
        node: name === undefined ? undefined : parseNodeName(name),
        attributes: words.length === 0 ? undefined : treeOf(parseAttributes(words)),
        ttl: period(flags.ttl),
      }),
    });
    if (file !== undefined && !dryRun) writeNew(file, "file", utf8(`${answer.token}\n`));
    const { token, ...rest } = answer;
    const address = addressOf(target()) ?? "ADDRESS";
    const blocks: Block[] = dryRun
      ? [{ kind: "lines", lines: ["would make a join token"] }]
      : enrolBlocks(answer, name, flags.out, address);
    out.show(file === undefined ? answer : { ...rest, file: flags.out }, {
      blocks,
      names: [file === undefined ? token : (flags.out ?? "")],
    });
  },
});

/** Where the node will find the server; `null` when none runs. */
function addressOf(target: Target): string | null {
  return target.kind === "server" ? target.address : (findServerBeside(target.data)?.address ?? null);
}

function enrolBlocks(
  answer: { token: string; expires: number; caFingerprint: string },
  name: string | undefined,
  file: string | undefined,
  address: string,
): Block[] {
  const named = name === undefined ? "" : ` --name ${name}`;
  return [
    {
      kind: "fields",
      fields: [
        ["token", file === undefined ? answer.token : undefined],
        ["token file", file],
        ["expires", time(answer.expires)],
      ],
    },
    {
      kind: "lines",
      lines: [
        "on the node, run:",
        `  keyward agent --server ${address}${named} --join-token-file ${file ?? "FILE"} \\`,
        `    --ca-fingerprint ${answer.caFingerprint}`,
      ],
    },
  ];
}

export const approve = act({
  summary: "Accept a pending node, by the fingerprint that its agent shows",
  words: ["NAME"],
  flags: {
    fingerprint: {
      type: "string",
      value: "HEX",
      help: "SHA-256 of the node's public key, as its agent shows it",
    },
  },
  calls: ["node.approve"],
  examples: ["keyward node approve db1 --fingerprint 9f2c…"],
  notes: [
    "Compare with what the agent printed on the machine itself: someone else may have asked under the same name.",
  ],
  async run({ call, out, dryRun }, { words: [name = ""], flags }) {
    const fingerprint = flags.fingerprint?.toLowerCase().replaceAll(":", "");
    if (fingerprint === undefined || !/^[0-9a-f]{64}$/.test(fingerprint))
      throw new KeywardError(
        "usage",
        `--fingerprint ${fingerprint === undefined ? "is missing" : "want 64 hex digits"}`,
        { hint: `the agent prints it on the machine; keyward node show ${name} has what was asked with` },
      );
    const answer = await call("node.approve", { path: { name: parseNodeName(name) }, body: { fingerprint } });
    const line = `${dryRun ? "would be approved" : "approved"}: ${answer.node.name}`;
    out.show(answer, { blocks: changeBlocks(line, answer.effect), names: [answer.node.name] });
  },
});
