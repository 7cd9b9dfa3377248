/** `keyward token`: tokens of operators. */
import path from "node:path";
import { utf8 } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { parseDuration } from "../../base/time.ts";
import { act } from "../../command/command.ts";
import type { Block } from "../../command/output.ts";
import { time } from "../../command/view.ts";
import { assertAbsent, writeNew } from "../../command/write-file.ts";
import { runnable } from "../run.ts";

const create = act({
  summary: "Make a token for an operator; it is shown once",
  words: ["NAME"],
  flags: {
    rule: { type: "string", multiple: true, value: "RULE", help: "What it allows; once or more" },
    ttl: { type: "string", value: "TIME", help: "How long it is good (30d)" },
    out: { type: "string", value: "FILE", help: "Write the token to this new file instead of showing it" },
  },
  calls: ["token.create"],
  examples: [
    "keyward token create alice --rule orders-team --ttl 30d --out alice.token",
    "keyward token create ci --rule deploy --ttl 1h -o json",
  ],
  notes: ["Only the token's hash is kept: nobody can show it again."],
  async run({ call, out, dryRun, world }, { words: [name = ""], flags }) {
    if (flags.rule === undefined)
      throw new KeywardError("usage", "--rule is missing", { hint: "there are: keyward rule list" });
    const body = { name, rules: [...flags.rule], ttl: parseDuration(flags.ttl ?? "30d") };
    const file = flags.out;
    const target = file === undefined ? undefined : path.resolve(world.cwd, file);
    if (target !== undefined) assertAbsent(target, "file");
    const { token, info } = await call("token.create", { body });
    if (target !== undefined && !dryRun) writeNew(target, "file", utf8(`${token}\n`));
    const blocks: Block[] = [
      {
        kind: "fields",
        fields: [
          ["id", info.id],
          ["token", file === undefined ? token : undefined],
          ["token file", file],
          ["expires", time(info.expires)],
        ],
      },
    ];
    const would: Block[] = [{ kind: "lines", lines: [`would make a token for ${name}`] }];
    out.show(file === undefined ? { token, info } : { info, file }, {
      blocks: dryRun ? would : blocks,
      names: [info.id],
    });
  },
});

const list = act({
  summary: "List tokens, never their secrets",
  words: [],
  flags: {},
  calls: ["token.list"],
  examples: ["keyward token list"],
  async run({ call, out, world }) {
    const answer = await call("token.list", {});
    const rows = answer.tokens.map((token) => [
      token.id,
      token.name,
      token.rules.join(","),
      token.expires <= world.clock() ? `${time(token.expires)} (over)` : time(token.expires),
      time(token.lastUsed),
      token.by,
    ]);
    out.show(answer, {
      blocks: [{ kind: "table", head: ["ID", "NAME", "RULES", "EXPIRES", "LAST USED", "BY"], rows }],
      names: answer.tokens.map((token) => token.id),
    });
  },
});

const revoke = act({
  summary: "Refuse a token from now on",
  words: ["ID"],
  flags: {},
  calls: ["token.revoke"],
  examples: ["keyward token list", "keyward token revoke ID"],
  async run({ call, out, dryRun }, { words: [id = ""] }) {
    const answer = await call("token.revoke", { path: { id } });
    const line = `${dryRun ? "would be revoked" : "revoked"}: token ${id}`;
    out.show(answer, { blocks: [{ kind: "lines", lines: [line] }], names: [id] });
  },
});

export const command = runnable("token", {
  summary: "Tokens: with them operators and programs sign in.",
  acts: { create, list, revoke },
});
