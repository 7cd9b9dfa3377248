/** `keyward server`. */
import path from "node:path";
import { KeywardError } from "../../base/errors.ts";
import { act } from "../command.ts";
import { variable } from "../environment.ts";
import { guard, isExecutable } from "../guard.ts";
import { parseListen } from "../listen.ts";
import { runnable } from "../run.ts";
import { defaultData } from "../target.ts";

const DEFAULT_LISTEN = "127.0.0.1:5070";

export const command = runnable(
  "server",
  act({
    summary: "Serve a store over HTTPS, until Ctrl-C or SIGTERM",
    words: [],
    flags: {
      data: { type: "string", value: "DIR", help: "The store's directory, made by keyward init" },
      listen: { type: "string", value: "HOST:PORT", help: `Where to listen (${DEFAULT_LISTEN})` },
      name: {
        type: "string",
        multiple: true,
        value: "NAME",
        help: "A host name or address that clients use, for the certificate",
      },
      "key-file": { type: "string", value: "FILE", help: "Open the seal with this key file" },
    },
    calls: [],
    examples: [
      "keyward server",
      "keyward server --data /var/lib/keyward --listen 0.0.0.0:5070 --name keys.example",
      "keyward server --listen '[::]:5070' --name keys.example --key-file /etc/keyward/seal.key",
    ],
    notes: [
      "The certificate is for localhost, for this machine's name, for the address of --listen and for each --name. With a key file, or a seal by AWS KMS, the server opens itself; else it starts sealed: keyward unseal. Logs are JSON lines on stderr.",
    ],
    async run({ world }, { flags }) {
      if (isExecutable())
        throw new KeywardError(
          "local",
          "the single executable holds no server: its runtime cannot tell nodes apart",
          {
            hint: "run the server on Node: npm ci && npm run build, then bin/keyward server",
          },
        );
      guard(world.env);
      const [{ runServer }, { createKeyService }] = await Promise.all([
        import("../run-server.ts"),
        import("../key-service.ts"),
      ]);
      const given = flags.data ?? variable(world.env, "KEYWARD_DATA");
      await runServer({
        data: given === undefined ? defaultData(world.cwd) : path.resolve(world.cwd, given),
        listen: parseListen(flags.listen ?? DEFAULT_LISTEN),
        names: flags.name ?? [],
        keyFile: flags["key-file"] === undefined ? undefined : path.resolve(world.cwd, flags["key-file"]),
        kms: createKeyService(world),
        signal: world.interrupted,
      });
    },
  }),
);
