/** What a program gets to see: the environment with its values opened, and without the keys that opened them. */
import { fromUtf8 } from "../base/bytes.ts";
import { KeywardError } from "../base/errors.ts";
import type { Entry } from "../command/environ.ts";
import { printable } from "../model/name.ts";
import { isOpened, type OpenedEntry } from "./open-environment.ts";

/** Keys that Secretary and `ENC[HPKE,…]` read from the environment. */
const keyVariables: ReadonlySet<string> = new Set(
  ["DEPLOY", "SERVICE", "MASTER", "CONFIG", "ENVIRONMENT", "WRITER"].flatMap((whose) => [
    `${whose}_PRIVATE_KEY`,
    `${whose}_PUBLIC_KEY`,
  ]),
);

/**
 * @param opened - Those entries that held envelopes; their values are wiped.
 * @param named - Variables that were named as places of keys.
 * @throws KeywardError of the first value that did not open; `usage` for one that no environment can hold.
 */
export function childEnvironment(
  entries: readonly Entry[],
  opened: readonly OpenedEntry[],
  named: readonly string[],
): Record<string, string> {
  const values = new Map(opened.map((entry) => [entry.name, textOf(entry)]));
  const environment: Record<string, string> = {};
  for (const { name, latin1 } of entries) {
    if (keyVariables.has(name) || named.includes(name)) continue;
    environment[name] = values.get(name) ?? fromBytes(name, Buffer.from(latin1, "latin1"));
  }
  return environment;
}

function textOf(entry: OpenedEntry): string {
  if (!isOpened(entry)) throw (entry.outcome as readonly KeywardError[])[0];
  using value = entry.outcome;
  if (value.reveal().includes(0))
    throw new KeywardError(
      "usage",
      `variable ${printable(entry.name)}: a NUL byte, which no variable can hold`,
    );
  return fromBytes(entry.name, value.reveal());
}

/** The runtime hands on text alone. */
function fromBytes(name: string, bytes: Uint8Array): string {
  try {
    return fromUtf8(bytes, name);
  } catch {
    throw new KeywardError("usage", `variable ${printable(name)}: not UTF-8, so it cannot be handed on`, {
      hint: "encode it, in base64 for example, and decode it in the program",
    });
  }
}
