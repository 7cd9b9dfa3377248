/** The flags that many acts share. */
import { type Operation, type OperationName, operations } from "../api/operations.ts";
import type { AnyAct, Flags } from "./command.ts";
import { formats } from "./output.ts";

export const common = {
  output: {
    type: "string",
    short: "o",
    value: "FORM",
    choices: formats,
    help: "The form of the answer: table, json or name",
  },
  help: { type: "boolean", short: "h", help: "Show this help" },
} as const satisfies Flags;

export const connecting = {
  addr: { type: "string", value: "ADDRESS", help: "The server, as https://keys.example:5070" },
  "token-file": { type: "string", value: "FILE", help: "A file with an operator's token" },
  cacert: { type: "string", value: "FILE", help: "CA certificates to trust for the server, PEM" },
  "client-cert": { type: "string", value: "FILE", help: "An operator's client certificate, PEM" },
  "client-key": { type: "string", value: "FILE", help: "The client certificate's key, PEM" },
  data: { type: "string", value: "DIR", help: "Use the local store in this directory, without a server" },
} as const satisfies Flags;

export const dryRun = {
  "dry-run": { type: "boolean", help: "Say what would change, and change nothing" },
} as const satisfies Flags;

/** All flags of an act: its own, `--dry-run` when it changes something, and the shared ones. */
export function flagsOf(act: AnyAct): Flags {
  return {
    ...act.flags,
    ...(changesSomething(act) ? dryRun : {}),
    ...common,
    ...(act.calls.length > 0 ? connecting : {}),
  };
}

export function changesSomething(act: AnyAct): boolean {
  if (act.changes === true) return true;
  return act.calls.some((name: OperationName) => (operations[name] as Operation).changes === true);
}
