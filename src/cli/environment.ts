/** The environment variables that the program reads, in one table: `help environment` prints it. */

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
  KEYWARD_DEBUG: "When set, a fault of the program itself shows where in the code it happened",
  NO_COLOR: "When set and not empty, no colours",
  XDG_CONFIG_HOME:
    "Where `keyward login` keeps what it remembers: keyward/login.json below it, or below ~/.config",
} as const;

export type Variable = keyof typeof environment;
export type Environment = Readonly<Record<string, string | undefined>>;

/** The value, or absent when it is unset or empty. */
export function variable(env: Environment, name: Variable): string | undefined {
  const value = env[name];
  return value === "" ? undefined : value;
}
