/** `keyward server`. */
import path from "node:path";
import { KeywardError } from "../../base/errors.ts";
import { act } from "../../command/command.ts";
import { variable } from "../../command/environment.ts";
import { guard, isExecutable } from "../../command/guard.ts";
import { present } from "../../command/read-flags.ts";
import { defaultData } from "../../command/target.ts";
import type { World } from "../../command/world.ts";
import type { Kms } from "../../model/kms.ts";
import type { SecretarySettings } from "../../server/serving-secretary.ts";
import { parseListen } from "../listen.ts";
import { runnable } from "../run.ts";
import { sshMeans } from "../ssh-means.ts";

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
      "master-key": {
        type: "string",
        multiple: true,
        value: "KEY",
        help: "Answer Secretary's clients too, with this master private key, the newest first",
      },
      "config-key": {
        type: "string",
        multiple: true,
        value: "KEY",
        help: "Config public key of sealed values",
      },
      "marathon-url": {
        type: "string",
        value: "URL",
        help: "Ask this Marathon about tasks that want a value",
      },
      "mesos-leader-url": {
        type: "string",
        value: "URL",
        help: "Ask this Mesos about tasks that want a value",
      },
      strict: { type: "boolean", help: "Refuse Mesos tasks whose labels do not name their envelopes" },
    },
    calls: [],
    examples: [
      "keyward server",
      "keyward server --data /var/lib/keyward --listen 0.0.0.0:5070 --name keys.example",
      "keyward server --listen '[::]:5070' --name keys.example --key-file /etc/keyward/seal.key",
      "keyward server --master-key master-private-key.pem --config-key config-public-key.pem",
    ],
    notes: [
      "The certificate is for localhost, for this machine's name, for the address of --listen and for each --name. With a key file, or a seal by AWS KMS, the server opens itself; else it starts sealed: keyward unseal. Logs are JSON lines on stderr.",
      "How nodes without an agent are reached besides: KEYWARD_SSH_CONFIG, KEYWARD_SSH_AGENT (keyward help environment).",
      "With --master-key it answers POST /v1/decrypt as keyward daemon does, for this store's own nodes too: app id node:NAME.",
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
        import("../../command/key-service.ts"),
      ]);
      const kms = createKeyService(world);
      const given = flags.data ?? variable(world.env, "KEYWARD_DATA");
      await runServer({
        data: given === undefined ? defaultData(world.cwd) : path.resolve(world.cwd, given),
        listen: parseListen(flags.listen ?? DEFAULT_LISTEN),
        names: flags.name ?? [],
        keyFile: flags["key-file"] === undefined ? undefined : path.resolve(world.cwd, flags["key-file"]),
        kms,
        ssh: sshMeans(world),
        ...present({ secretary: await secretaryOf(flags, world, kms) }),
        signal: world.interrupted,
      });
    },
  }),
);

interface SecretaryFlags {
  readonly "master-key"?: readonly string[];
  readonly "config-key"?: readonly string[];
  readonly "marathon-url"?: string;
  readonly "mesos-leader-url"?: string;
  readonly strict?: boolean;
}

async function secretaryOf(
  flags: SecretaryFlags,
  world: World,
  kms: Kms,
): Promise<SecretarySettings | undefined> {
  const masterKeys = flags["master-key"];
  if (masterKeys === undefined) {
    const alone = (["config-key", "marathon-url", "mesos-leader-url", "strict"] as const).find(
      (name) => flags[name] !== undefined,
    );
    if (alone === undefined) return undefined;
    throw new KeywardError("usage", `--${alone} without --master-key`, {
      hint: "both are for Secretary's clients",
    });
  }
  const { secretarySettings } = await import("../../configuration/settings.ts");
  const typed = {
    masterKeys,
    configKeys: flags["config-key"] ?? [],
    marathonUrl: flags["marathon-url"],
    mesosUrl: flags["mesos-leader-url"],
    strict: flags.strict === true,
    requireTime: false,
  };
  return secretarySettings(typed, world, kms);
}
