/** `keyward encrypt`: a value as an envelope, bound to an environment and a variable. */
import { KeywardError } from "../../base/errors.ts";
import type { Secret } from "../../base/secret.ts";
import { act } from "../../command/command.ts";
import { askTwice, readSecret } from "../../command/read-secret.ts";
import type { World } from "../../command/world.ts";
import { MAX_VALUE } from "../../configuration/read-input.ts";
import { createSealer, sealingFlags } from "../../configuration/sealing.ts";
import { systemRandom } from "../../crypto/random.ts";
import { wrapText } from "../../formats/secretary/envelope-text.ts";
import { runnable } from "../run.ts";

export const command = runnable(
  "encrypt",
  act({
    summary: "Seal a value for an environment, to be opened where it is used",
    words: ["[NAME]"],
    tooMany: "a value is never an argument: everybody on this machine can see arguments while a program runs",
    flags: {
      ...sealingFlags,
      file: { type: "string", short: "f", value: "FILE", help: "Read the value from this file, - is stdin" },
      chomp: { type: "boolean", help: "Leave out one line break at the value's end" },
      wrap: { type: "boolean", short: "w", help: "Break the envelope into lines of 64 characters" },
    },
    calls: [],
    examples: [
      "keyward encrypt DB_PASSWORD --environment prod --chomp < password.txt",
      "keyward encrypt DB_PASSWORD -o json",
      "keyward encrypt --format nacl < password.txt",
    ],
    notes: [
      "The envelope opens only in this environment and under this NAME. Without a NAME it opens in files and arguments, and under no variable.",
      "ENC[HPKE,…] is the default: who can seal cannot open, and the writer signs. --format nacl writes what the original Secretary reads, where whoever can seal can open too, and nothing binds a value to its place. --format kms seals under a data key of AWS KMS.",
      "At a terminal the value is asked for twice and not shown. The bytes are kept as they come, a line break at the end included, unless --chomp is given. At most 1 MiB.",
    ],
    async run({ world, out }, { words: [name], flags }) {
      const variable = name ?? "";
      assertName(variable);
      const sealer = createSealer(flags, world);
      using value = await readValue(world, flags.file, flags.chomp === true);
      const envelope = await sealer.seal(variable, value.reveal(), systemRandom);
      if (sealer.warning !== null) out.note({ text: `warning: ${sealer.warning}`, style: "yellow" });
      const text = flags.wrap === true ? wrapText(envelope).trimEnd() : envelope;
      const answer = { envelope: text, ...sealer.about, ...(sealer.bound ? { variable } : {}) };
      out.show(answer, { blocks: [{ kind: "lines", lines: text.split("\n") }], names: [text] });
    },
  }),
);

/** A value that was typed by mistake is not repeated. */
function assertName(name: string): void {
  if (name === "" || /^[A-Za-z_][A-Za-z0-9_.-]{0,1023}$/.test(name)) return;
  throw new KeywardError("usage", "encrypt: that is no variable's name", {
    hint: "letters, digits, underscores, dots and dashes; the value comes on standard input",
  });
}

async function readValue(world: World, file: string | undefined, chomp: boolean): Promise<Secret> {
  if (file === undefined && world.stdin.isTTY === true) return await askTwice(world, "value");
  return await readSecret(world, file, { what: "value", limit: MAX_VALUE, chomp });
}
