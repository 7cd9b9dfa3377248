/** The flags of Secretary's commands, as the original has them; those that are ours say so in their help. */
import type { PFlags } from "./pflag.ts";

const daemonMode = {
  "ca-file": { type: "string", help: "CA certificates to trust for the daemon, PEM (not in the original)" },
  "require-request-id": {
    type: "boolean",
    help: "take no answer that is not tied to its request (not in the original)",
  },
} as const satisfies PFlags;

export const genkeysFlags = {
  path: { type: "string", help: 'directory for the keys (default "./keys/")' },
  force: { type: "boolean", help: "replace keys that are there (not in the original)" },
} as const satisfies PFlags;

export const encryptFlags = {
  "public-key": { type: "string", help: "file or variable of the master public key" },
  "private-key": { type: "string", help: "file or variable of the config private key" },
  "kms-key-id": { type: "string", help: "AWS KMS key to seal with instead" },
  wrap: { type: "boolean", short: "w", help: "wrap long lines" },
} as const satisfies PFlags;

export const decryptFlags = {
  "secretary-url": { type: "string", short: "s", help: "address of the daemon" },
  "app-id": { type: "string", help: "Marathon app id" },
  "app-version": { type: "string", help: "Marathon app version" },
  "task-id": { type: "string", help: "Mesos task id" },
  "private-key": { type: "string", sets: "deploy-key", help: "the same as --deploy-key" },
  "deploy-key": { type: "string", help: "file or variable of the private key to decrypt with" },
  "config-key": { type: "string", help: "file or variable of the config public key" },
  "master-key": { type: "string", help: "file or variable of the master public key" },
  "service-key": { type: "string", help: "file or variable of the service private key" },
  "decrypt-env": { type: "boolean", short: "e", help: "decrypt environment variables" },
  partial: {
    type: "boolean",
    help: "with -e: print what did decrypt, even if something did not (not in the original)",
  },
  ...daemonMode,
} as const satisfies PFlags;

export const daemonFlags = {
  "marathon-url": {
    type: "string",
    help: 'address of Marathon, or none (default "http://marathon.mesos:8080")',
  },
  "mesos-leader-url": {
    type: "string",
    help: 'address of Mesos leader, or none (default "http://leader.mesos:5050")',
  },
  "config-key": { type: "string", help: "file or variable of the config public key" },
  "master-key": { type: "string", help: "file or variable of the master private key" },
  "tls-cert-file": { type: "string", help: "certificate of the daemon, PEM" },
  "tls-key-file": { type: "string", help: "key of the certificate, PEM" },
  ip: { type: "string", short: "i", help: 'address to listen on (default "0.0.0.0")' },
  port: { type: "int", short: "p", help: "port to listen on (default 5070)" },
  strict: {
    type: "boolean",
    help: "refuse Mesos tasks whose labels do not name their envelopes (not in the original)",
  },
  "require-time": { type: "boolean", help: "refuse requests without a time (not in the original)" },
} as const satisfies PFlags;
