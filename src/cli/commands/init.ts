/** `keyward init`: a new store, up to the first token. */
import path from "node:path";
import { act } from "../../command/command.ts";
import { variable } from "../../command/environment.ts";
import { dryRun } from "../../command/flags.ts";
import { defaultData } from "../../command/target.ts";
import type { World } from "../../command/world.ts";
import { files } from "../data-directory.ts";
import { runnable } from "../run.ts";
import { sealKinds } from "../seal-secret.ts";

export const command = runnable(
  "init",
  act({
    summary: "Make a new store: root key, seal, CA and a token that may do everything",
    words: [],
    flags: {
      data: { type: "string", value: "DIR", help: "The store's directory" },
      seal: {
        type: "string",
        value: "KIND",
        choices: sealKinds,
        help: "What protects the root key: file, passphrase or aws-kms (file)",
      },
      "key-file": { type: "string", value: "FILE", help: "The key file; made when there is none" },
      "kms-key-id": { type: "string", value: "KEY", help: "aws-kms: the key's ARN or id, or alias/NAME" },
      ...dryRun,
    },
    calls: [],
    examples: [
      "keyward init",
      "keyward init --data /var/lib/keyward --key-file /etc/keyward/seal.key",
      "keyward init --seal passphrase",
      "keyward init --seal aws-kms --kms-key-id arn:aws:kms:eu-west-1:111122223333:key/ID",
    ],
    notes: [
      "With a file seal the server opens itself at its start. Kept beside the store, as it is unless --key-file is given, the key file protects against nothing but a lost copy of the store alone: put it elsewhere, or use a passphrase.",
      "A passphrase is asked for at the terminal, or read from stdin; the server then starts sealed.",
      "By AWS KMS the server opens itself too, with the credentials and the region that AWS tools find on its machine; nothing beside the store opens it. Add a passphrase for the day when AWS cannot be reached: keyward seal add passphrase.",
    ],
    async run({ world, out, dryRun }, { flags }) {
      const data = dataOf(flags.data, world);
      const kind = flags.seal ?? "file";
      const { initialise } = await import("../initialise.ts");
      const keyFile =
        flags["key-file"] === undefined ? undefined : path.resolve(world.cwd, flags["key-file"]);
      const made = await initialise({ data, kind, keyFile, kmsKeyId: flags["kms-key-id"], dryRun }, world);
      out.show(made, {
        blocks: [
          { kind: "lines", lines: [dryRun ? `would make a store in ${data}` : `made a store in ${data}`] },
          {
            kind: "fields",
            fields: [
              ["seal", made.keyFile ?? kind],
              ["token", path.join(data, files.token)],
              ["CA", path.join(data, files.ca)],
              ["CA fingerprint", made.caFingerprint],
            ],
          },
          {
            kind: "lines",
            lines: [
              "next:",
              `  keyward server --data ${data}`,
              ...(kind === "passphrase" ? ["  keyward unseal"] : []),
              ...(kind === "aws-kms" ? ["  keyward seal add passphrase"] : []),
              "  keyward key put NAME < FILE",
              "  keyward help",
            ],
          },
        ],
        names: [data],
      });
    },
  }),
);

function dataOf(flag: string | undefined, { env, cwd }: Pick<World, "env" | "cwd">): string {
  const given = flag ?? variable(env, "KEYWARD_DATA");
  return given === undefined ? defaultData(cwd) : path.resolve(cwd, given);
}
