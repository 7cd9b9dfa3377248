/** The environment variables that the program reads, in one table: `help environment` prints it. */
import path from "node:path";

export const environment = {
  KEYWARD_ADDR: "The server's address, as https://keys.example:5070. Without one the local store is used",
  KEYWARD_TOKEN: "An operator's token",
  KEYWARD_TOKEN_FILE:
    "A file that holds the token and that others cannot read; it is preferred to KEYWARD_TOKEN",
  KEYWARD_CACERT: "A PEM file with the CA certificates to trust for the server",
  KEYWARD_CLIENT_CERT: "A PEM file with an operator's client certificate",
  KEYWARD_CLIENT_KEY: "A PEM file with the client certificate's private key",
  KEYWARD_FORMAT: "The form of answers: table, json or name",
  KEYWARD_DATA:
    "The local store's directory. Without it: /var/lib/keyward when there is one, else ./.keyward",
  KEYWARD_SEED:
    "Where the seed is: a file, uefi, systemd-creds or credential:NAME. Without it: /etc/keyward/seed for root, else keyward/seed in ~/.config",
  CREDENTIALS_DIRECTORY: "Where systemd puts a unit's credentials, for credential:NAME",
  KEYWARD_SEED_PASSPHRASE_FILE: "A file that holds the seed's passphrase and that others cannot read",
  KEYWARD_SEED_KEY_FILE: "The key file that opens the seed",
  KEYWARD_LEDGER: "The ledger's file. Without it: ledger, beside the seed",
  KEYWARD_KMS_KEYS:
    "ARNs of the AWS KMS keys that may be used, with commas between them. Without it: every key that AWS lets us use",
  KEYWARD_KMS_CONTEXT:
    "The encryption context of ENC[KMS,…] values, as environment=prod,team=shop: sealed and opened with it alone",
  KEYWARD_ENVIRONMENT: "The environment that sealed values are for, as prod: encrypt and decrypt bind to it",
  KEYWARD_CHEF_SERVER: "The Chef server, as https://chef.example.com/organizations/acme",
  KEYWARD_CHEF_USER: "The client or user that signs what is asked of it",
  KEYWARD_CHEF_KEY: "A PEM file with that one's private key",
  KEYWARD_CHEF_CA: "A PEM file with the CA certificates to trust for the Chef server",
  KEYWARD_SSH_CONFIG:
    "OpenSSH's configuration for pushes by the driver openssh, as for jump hosts: to the server, or to a command without one",
  KEYWARD_SSH_AGENT:
    "The socket of an ssh-agent by whose keys pushes log in, as hardware keys, instead of Keyward's own; likewise",
  KEYWARD_DEBUG: "When set, a fault of the program itself shows where in the code it happened",
  NO_COLOR: "When set and not empty, no colours",
  XDG_CONFIG_HOME:
    "Where a user's own files lie: keyward/login.json, seed, ledger and ledgers.json below it, or below ~/.config",
} as const;

export type Variable = keyof typeof environment;
export type Environment = Readonly<Record<string, string | undefined>>;

/** The value, or absent when it is unset or empty. */
export function variable(env: Environment, name: Variable): string | undefined {
  const value = env[name];
  return value === "" ? undefined : value;
}

/** The directory of a user's own files. */
export function configurationOf(world: { readonly env: Environment; readonly home: string }): string {
  return path.join(variable(world.env, "XDG_CONFIG_HOME") ?? path.join(world.home, ".config"), "keyward");
}
