/** `keyward unseal`. */
import { act } from "../command.ts";
import { runnable } from "../run.ts";
import { sealSecret } from "../seal-secret.ts";

export const command = runnable(
  "unseal",
  act({
    summary: "Open the server's seal with its passphrase or its key file",
    words: [],
    flags: {
      "key-file": { type: "string", value: "FILE", help: "Open a file seal with this key file" },
    },
    calls: ["seal.unseal"],
    examples: [
      "keyward unseal",
      "keyward unseal --key-file /root/keyward.key",
      "keyward unseal < passphrase.txt",
    ],
    notes: ["Without --key-file the passphrase is asked for at the terminal, or read from stdin."],
    async run({ call, out, world }, { flags }) {
      const body = await sealSecret(world, flags["key-file"]);
      const answer = await call("seal.unseal", { body });
      out.show(answer, { blocks: [{ kind: "lines", lines: ["unsealed"] }], names: ["unsealed"] });
    },
  }),
);
