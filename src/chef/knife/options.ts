/** Knife's options: those of every command, and those that several have. */
import type { KnifeFlags } from "./flags.ts";

export const commonFlags: KnifeFlags = {
  chef_server_url: {
    type: "string",
    long: "server-url",
    short: "s",
    value: "URL",
    help: "Chef Infra Server URL.",
  },
  client_key: {
    type: "string",
    long: "key",
    short: "k",
    value: "KEY",
    help: "Chef Infra Server API client key.",
  },
  node_name: {
    type: "string",
    long: "user",
    short: "u",
    value: "USER",
    help: "Chef Infra Server API client username.",
  },
  config_file: {
    type: "string",
    long: "config",
    short: "c",
    value: "CONFIG",
    help: "The configuration file to use.",
  },
  color: { type: "boolean", long: "color", help: "Use colored output: taken, and without effect." },
  no_color: { type: "boolean", long: "no-color", help: "Do not use colored output." },
  defaults: { type: "boolean", long: "defaults", help: "Accept default values for all questions." },
  disable_editing: {
    type: "boolean",
    long: "disable-editing",
    short: "d",
    help: "Do not open EDITOR, just accept the data as is.",
  },
  editor: {
    type: "string",
    long: "editor",
    short: "e",
    value: "EDITOR",
    help: "Set the editor to use for interactive commands.",
  },
  environment: {
    type: "string",
    long: "environment",
    short: "E",
    value: "ENVIRONMENT",
    help: "Set the Chef Infra Client environment (except for in searches).",
  },
  format: {
    type: "string",
    long: "format",
    short: "F",
    value: "FORMAT",
    help: "Which format to use for output.",
    choices: ["summary", "text", "json", "yaml", "pp"],
  },
  local_mode: {
    type: "boolean",
    long: "local-mode",
    short: "z",
    help: "Use the chef repository here instead of a Chef Infra Server.",
  },
  repo: {
    type: "string",
    long: "repo",
    value: "DIR",
    help: "Use this chef repository instead of a Chef Infra Server.",
  },
  chef_server: { type: "string", long: "chef-server", value: "URL", help: "The same as -s." },
  chef_user: { type: "string", long: "chef-user", value: "NAME", help: "The same as -u." },
  chef_key: { type: "string", long: "chef-key", value: "FILE", help: "The same as -k." },
  chef_ca: {
    type: "string",
    long: "chef-ca",
    value: "FILE",
    help: "CA certificates to trust for the Chef Infra Server, PEM.",
  },
  print_after: {
    type: "boolean",
    long: "print-after",
    help: "Show the data after a destructive operation.",
  },
  profile: {
    type: "string",
    long: "profile",
    value: "PROFILE",
    help: "The credentials profile to select.",
  },
  verbosity: {
    type: "boolean",
    long: "verbose",
    short: "V",
    help: "More verbose output: taken, and without effect.",
  },
  version: { type: "boolean", long: "version", short: "v", help: "Show the version." },
  yes: { type: "boolean", long: "yes", short: "y", help: "Say yes to all prompts for confirmation." },
  help: { type: "boolean", long: "help", short: "h", help: "Show this help message." },
};

export const secretFlags: KnifeFlags = {
  cl_secret: {
    type: "string",
    long: "secret",
    value: "SECRET",
    help: "Refused: everybody on this machine can see it. Use --secret-file.",
  },
  cl_secret_file: {
    type: "string",
    long: "secret-file",
    value: "SECRET_FILE",
    help: "A file containing the secret key to use to encrypt data bag item values.",
  },
  encrypt: {
    type: "boolean",
    long: "encrypt",
    help: "If 'secret_file' is present in your config, then encrypt data bags using it.",
  },
};

export const uriFlags: KnifeFlags = {
  with_uri: { type: "boolean", long: "with-uri", short: "w", help: "Show corresponding URIs." },
};

export const nodeFlags: KnifeFlags = {
  attribute: {
    type: "list",
    long: "attribute",
    short: "a",
    value: "ATTR1 [-a ATTR2]",
    help: "Show one or more attributes",
  },
  field_separator: {
    type: "string",
    long: "field-separator",
    short: "S",
    value: "SEPARATOR",
    help: 'Character separator used to delineate nesting in --attribute filters (default ".")',
  },
  run_list: { type: "boolean", long: "run-list", short: "r", help: "Show only the run list." },
  medium_output: {
    type: "boolean",
    long: "medium",
    short: "m",
    help: "Include normal attributes in the output",
  },
  long_output: { type: "boolean", long: "long", short: "l", help: "Include all attributes in the output" },
};

export const vaultFlags: KnifeFlags = {
  vault_mode: {
    type: "string",
    long: "mode",
    short: "M",
    value: "MODE",
    help: "Chef mode to run in default - solo",
  },
};

export const readerFlags: KnifeFlags = {
  search: {
    type: "string",
    long: "search",
    short: "S",
    value: "SEARCH",
    help: "Chef SOLR search for clients",
  },
  clients: {
    type: "string",
    long: "clients",
    short: "C",
    value: "CLIENTS",
    help: "Chef clients, with commas",
  },
  admins: { type: "string", long: "admins", short: "A", value: "ADMINS", help: "Chef users, with commas" },
};

export const valueFlags: KnifeFlags = {
  json: {
    type: "string",
    long: "json",
    short: "J",
    value: "FILE",
    help: "File containing JSON data to encrypt",
  },
  file: {
    type: "string",
    long: "file",
    value: "FILE",
    help: "File to be added to vault item as file-content",
  },
  keys_mode: {
    type: "string",
    long: "keys-mode",
    short: "K",
    value: "KEYS_MODE",
    help: "Mode in which to save vault keys",
    choices: ["default", "sparse"],
  },
};

export const cleanUnknownFlags: KnifeFlags = {
  clean_unknown_clients: {
    type: "boolean",
    long: "clean-unknown-clients",
    help: "Remove unknown clients",
  },
};
