/** `keyward daemon`: Secretary's daemon, without a store. */
import { act } from "../../command/command.ts";
import { guard } from "../../command/guard.ts";
import { runnable } from "../run.ts";

export const command = runnable(
  "daemon",
  act({
    summary: "Open sealed values for the tasks that Marathon or Mesos vouches for, until Ctrl-C or SIGTERM",
    words: [],
    flags: {
      "marathon-url": {
        type: "string",
        value: "URL",
        help: "Marathon, or none (MARATHON_URL; http://marathon.mesos:8080)",
      },
      "mesos-leader-url": {
        type: "string",
        value: "URL",
        help: "Mesos' leading master, or none (MESOS_LEADER_URL; http://leader.mesos:5050)",
      },
      "master-key": {
        type: "string",
        multiple: true,
        value: "KEY",
        help: "File or variable of a master private key, the newest first (MASTER_PRIVATE_KEY)",
      },
      "config-key": {
        type: "string",
        multiple: true,
        value: "KEY",
        help: "File or variable of a config public key, the newest first (CONFIG_PUBLIC_KEY)",
      },
      environment: {
        type: "string",
        value: "NAME",
        help: "The environment of ENC[HPKE,…] values (KEYWARD_ENVIRONMENT)",
      },
      key: {
        type: "string",
        multiple: true,
        value: "KEY",
        help: "File or variable of the environment's private keys (ENVIRONMENT_PRIVATE_KEY)",
      },
      writer: {
        type: "string",
        multiple: true,
        value: "KEY",
        help: "File or variable of trusted writers' public keys (WRITER_PUBLIC_KEY)",
      },
      "tls-cert-file": { type: "string", value: "FILE", help: "Certificate and chain, PEM (TLS_CERT_FILE)" },
      "tls-key-file": { type: "string", value: "FILE", help: "The certificate's key, PEM (TLS_KEY_FILE)" },
      ip: { type: "string", short: "i", value: "ADDRESS", help: "Where to listen (0.0.0.0)" },
      port: { type: "string", short: "p", value: "PORT", help: "Where to listen (5070)" },
      strict: { type: "boolean", help: "Refuse Mesos tasks whose labels do not name their envelopes" },
      "require-time": {
        type: "boolean",
        help: "Refuse requests without a time, and so the original's clients: none is answered twice then",
      },
    },
    calls: [],
    examples: [
      "keyward daemon --marathon-url http://marathon.mesos:8080 --mesos-leader-url none",
      "keyward daemon --master-key new.pem --master-key old.pem --config-key config-public-key.pem",
      "keyward daemon --strict --tls-cert-file daemon.pem --tls-key-file daemon-key.pem",
    ],
    notes: [
      "Flags, variables and the places where keys are looked for are those of the original's daemon, whose clients it serves; the rest is ours. Several keys are tried in the order they are given, and each opened value says in the log which one it took.",
      "Logs are JSON lines on stderr: one for each decision, with names and hashes and no value.",
    ],
    async run({ world }, { flags }) {
      guard(world.env);
      const { runDaemon } = await import("../run-daemon.ts");
      await runDaemon(
        {
          marathonUrl: flags["marathon-url"],
          mesosUrl: flags["mesos-leader-url"],
          masterKeys: flags["master-key"] ?? [],
          configKeys: flags["config-key"] ?? [],
          environment: flags.environment,
          keys: flags.key,
          writers: flags.writer,
          tlsCertFile: flags["tls-cert-file"],
          tlsKeyFile: flags["tls-key-file"],
          ip: flags.ip,
          port: flags.port,
          strict: flags.strict === true,
          requireTime: flags["require-time"] === true,
        },
        world,
      );
    },
  }),
);
