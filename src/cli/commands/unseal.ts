/** `keyward unseal`. */
import { act } from "../../command/command.ts";
import { runnable } from "../run.ts";
import { sealSecret } from "../seal-secret.ts";

export const command = runnable(
  "unseal",
  act({
    summary: "Open the server's seal with its passphrase or its key file, or by AWS KMS",
    words: [],
    flags: {
      "key-file": { type: "string", value: "FILE", help: "Open a file seal with this key file" },
      "aws-kms": { type: "boolean", help: "Let the server ask AWS KMS, as it does at its start" },
    },
    calls: ["seal.unseal"],
    examples: [
      "keyward unseal",
      "keyward unseal --key-file /root/keyward.key",
      "keyward unseal < passphrase.txt",
      "keyward unseal --aws-kms",
    ],
    notes: ["Without a flag the passphrase is asked for at the terminal, or read from stdin."],
    async run({ call, out, world }, { flags }) {
      const body = await sealSecret(world, flags);
      const answer = await call("seal.unseal", { body });
      out.show(answer, { blocks: [{ kind: "lines", lines: ["unsealed"] }], names: ["unsealed"] });
    },
  }),
);
