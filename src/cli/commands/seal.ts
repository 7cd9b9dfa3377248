/** `keyward seal`: seal the server; and the seals that protect its root key. */
import { KeywardError } from "../../base/errors.ts";
import { act } from "../../command/command.ts";
import { state, time } from "../../command/view.ts";
import { runnable } from "../run.ts";
import { newSealSecret, sealKinds } from "../seal-secret.ts";

const bare = act({
  summary: "Seal the server: it forgets the root key until someone unseals it",
  words: [],
  flags: {},
  calls: ["seal.seal"],
  examples: ["keyward seal"],
  async run({ call, out, dryRun }) {
    const answer = await call("seal.seal", {});
    out.show(answer, {
      blocks: [{ kind: "lines", lines: [dryRun ? "would be sealed" : "sealed; to open: keyward unseal"] }],
      names: ["sealed"],
    });
  },
});

const list = act({
  summary: "List the seals that protect the root key",
  words: [],
  flags: {},
  calls: ["seal.list"],
  examples: ["keyward seal list"],
  async run({ call, out }) {
    const answer = await call("seal.list", {});
    out.show(answer, {
      blocks: [
        { kind: "fields", fields: [["state", state(answer.state)]] },
        {
          kind: "table",
          head: ["ID", "KIND", "CREATED", "DETAIL"],
          rows: answer.seals.map((seal) => [seal.id, seal.kind, time(seal.created), seal.detail]),
        },
      ],
      names: answer.seals.map((seal) => seal.id),
    });
  },
});

const add = act({
  summary: "Protect the root key by one more seal",
  words: ["KIND"],
  flags: {
    "key-file": { type: "string", value: "FILE", help: "file: the key file, any text; it must exist" },
    "kms-key-id": { type: "string", value: "KEY", help: "aws-kms: the key's ARN or id, or alias/NAME" },
  },
  calls: ["seal.add"],
  examples: [
    "keyward seal add passphrase",
    "keyward seal add file --key-file /root/keyward.key",
    "keyward seal add aws-kms --kms-key-id arn:aws:kms:eu-west-1:111122223333:key/ID",
  ],
  notes: [
    "By AWS KMS, the server asks with credentials and region of its own; whoever may call Decrypt with the key, for this seal, can open it.",
    "Any one of the seals opens the server. A passphrase is asked for at the terminal, or read from stdin.",
  ],
  async run({ call, out, dryRun, world }, { words: [kind = ""], flags }) {
    const found = sealKinds.find((one) => one === kind);
    if (found === undefined) throw new KeywardError("usage", `KIND: want ${sealKinds.join(", ")}`);
    const body = await newSealSecret(world, found, flags);
    const answer = await call("seal.add", { body });
    const line = dryRun ? `would add a seal: ${found}` : `added seal ${answer.id}: ${answer.detail}`;
    out.show(answer, { blocks: [{ kind: "lines", lines: [line] }], names: [answer.id] });
  },
});

const remove = act({
  summary: "Remove a seal; the last one stays",
  words: ["ID"],
  flags: {},
  calls: ["seal.remove"],
  examples: ["keyward seal list", "keyward seal remove ID"],
  async run({ call, out, dryRun }, { words: [id = ""] }) {
    const answer = await call("seal.remove", { path: { id } });
    const line = `${dryRun ? "would be removed" : "removed"}: seal ${id}`;
    out.show(answer, { blocks: [{ kind: "lines", lines: [line] }], names: [id] });
  },
});

export const command = runnable("seal", {
  summary: "Seals protect the root key at rest; a sealed server knows no key.",
  bare,
  acts: { list, add, remove },
});
