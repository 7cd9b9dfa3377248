/** `keyward decrypt`: sealed values in running text, or in the environment as lines for a shell. */
import { fromUtf8 } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { act } from "../../command/command.ts";
import { entriesOf } from "../../command/environ.ts";
import type { Output } from "../../command/output.ts";
import { isOpened, type OpenedEntry, openEnvironment } from "../../configuration/open-environment.ts";
import { openText } from "../../configuration/open-text.ts";
import { openerOf, openingFlags } from "../../configuration/opening-flags.ts";
import { MAX_DOCUMENT, readInput } from "../../configuration/read-input.ts";
import { variableBeside } from "../../configuration/variable-beside.ts";
import { exportLine } from "../../formats/secretary/shell.ts";
import { runnable } from "../run.ts";

export const command = runnable(
  "decrypt",
  act({
    summary: "Open the sealed values in a text, or in the environment",
    words: [],
    flags: {
      "decrypt-env": { type: "boolean", short: "e", help: "Open the environment: print lines for a shell" },
      only: {
        type: "string",
        multiple: true,
        value: "NAME",
        help: "With -e: this variable, others only if named too",
      },
      name: { type: "string", value: "NAME", help: "The variable that the text's values are bound to" },
      strict: { type: "boolean", help: "Take no answer of a daemon that is not tied to its request" },
      ...openingFlags,
    },
    calls: [],
    examples: [
      "keyward decrypt < config.yaml",
      'lines=$(keyward decrypt -e) && eval "$lines"',
      "keyward decrypt --key prod-private-key.pem --environment prod < sealed.txt",
    ],
    notes: [
      "Everything around the envelopes stays as it is, byte for byte. All of them open, or nothing is printed. Values of any kind are opened: ENC[HPKE,…], ENC[NACL,…] and ENC[KMS,…].",
      'An ENC[HPKE,…] value is bound to a variable. In a text that is the name on its line (NAME=…, NAME: …, "NAME": …, or name: NAME before value:), unless --name says which; a value that was sealed without a name opens anywhere.',
      "With -e the lines are quoted for a shell; prefer keyward exec, which needs no shell and fails when a value does. -o json prints an object of names and values.",
    ],
    async run({ world, out }, { flags }) {
      const opener = await openerOf(flags, world, flags.strict === true);
      try {
        if (flags["decrypt-env"] === true) {
          const entries = entriesOf(world).filter(({ name }) => flags.only?.includes(name) ?? true);
          printEnvironment(await openEnvironment(entries, opener), out);
          return;
        }
        using document = await readInput(world, "text", MAX_DOCUMENT);
        const latin1 = Buffer.from(document.reveal()).toString("latin1");
        const name = flags.name;
        using opened = await openText(
          document.reveal(),
          opener,
          (found) => name ?? variableBeside(latin1, found),
        );
        // A copy, because the stream may write it after it is wiped.
        if (out.format === "json")
          out.show({ text: fromUtf8(opened.reveal(), "text") }, { blocks: [], names: [] });
        else out.bytes(Uint8Array.from(opened.reveal()));
      } finally {
        opener.close();
      }
    },
  }),
);

/** All or nothing. @throws KeywardError that names each variable which did not open. */
function printEnvironment(opened: readonly OpenedEntry[], out: Output): void {
  const failed = opened.filter((entry) => !isOpened(entry));
  if (failed.length > 0) throw failure(failed);
  const values = opened.filter(isOpened);
  if (out.format === "json") {
    const text = values.map(({ name, outcome }) => [name, fromUtf8(outcome.reveal(), name)] as const);
    out.show(Object.fromEntries(text), { blocks: [], names: [] });
    return;
  }
  const lines = values.map(({ name, outcome }) => {
    using line = exportLine(name, outcome.reveal());
    return Uint8Array.from(line.reveal());
  });
  for (const { outcome } of values) outcome.wipe();
  if (out.format === "name") out.show(null, { blocks: [], names: values.map(({ name }) => name) });
  else for (const line of lines) out.bytes(line);
}

function failure(failed: readonly OpenedEntry[]): KeywardError {
  const errors = failed.flatMap(({ name, outcome }) =>
    (outcome as readonly KeywardError[]).map((error) => ({ name, error })),
  );
  const [first] = errors;
  const { code, hint } = (first as { error: KeywardError }).error;
  const lines = errors.map(({ name, error }) =>
    error.message.startsWith(`${name}: `) ? error.message : `${name}: ${error.message}`,
  );
  return new KeywardError(code, lines.join("\n"), hint === undefined ? {} : { hint });
}
