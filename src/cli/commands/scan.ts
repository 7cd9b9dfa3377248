/** `keyward scan`: which values files hold sealed, to which keys, and which lie there in plain text. */
import { KeywardError } from "../../base/errors.ts";
import { act } from "../../command/command.ts";
import { createLines } from "../../configuration/lines.ts";
import { findPlainSecrets } from "../../configuration/plain-secrets.ts";
import { variableBeside } from "../../configuration/variable-beside.ts";
import { type PassedOver, type Walked, walk } from "../../configuration/walk.ts";
import { parseEnvelope } from "../../formats/hpke/hpke.ts";
import { type Found, findEnvelopesInBytes } from "../../formats/secretary/recognise.ts";
import { parseEnvelope as parseOld } from "../../formats/secretary/secretary.ts";
import { runnable } from "../run.ts";

interface Sealed {
  readonly file: string;
  readonly line: number;
  readonly variable: string;
  readonly format: string;
  /** Of the recipient; empty where the envelope does not say. */
  readonly key: string;
  readonly writer: string;
  readonly error?: string;
}

interface Plain {
  readonly file: string;
  readonly line: number;
  readonly rule: string;
  readonly what: string;
}

export const command = runnable(
  "scan",
  act({
    summary: "List sealed values, and plain-text values that look like secrets",
    words: ["[FILE...]"],
    flags: {
      check: {
        type: "boolean",
        help: "End with 1 when a value looks like a secret in plain text, or an envelope is broken",
      },
      plain: { type: "boolean", help: "Plain-text values only" },
    },
    calls: [],
    examples: ["keyward scan", "keyward scan config/ -o json", "keyward scan --check --plain ."],
    notes: [
      "Without FILE: this directory. Directories are walked without following links; .git, binary files and files of more than 16 MiB are passed over. No value is ever shown.",
      "Plain text is reported for private keys, for tokens that their prefix gives away, for passwords in addresses, and in configuration files (.env, YAML, JSON, TOML, INI, properties) for variables whose name says password, secret, token, key or the like, unless the value is a placeholder, a reference, a path, an address, a number or a truth value.",
    ],
    async run({ world, out, progress }, { words, flags }) {
      const sealed: Sealed[] = [];
      const plain: Plain[] = [];
      const passed: PassedOver[] = [];
      let files = 0;
      for (const file of walk(
        words.length === 0 ? ["."] : words,
        world.cwd,
        (one) => void passed.push(one),
      )) {
        progress.say(`${++files} files: ${file.shown}`);
        if (flags.plain !== true) sealed.push(...sealedIn(file));
        plain.push(...plainIn(file));
      }
      progress.end();
      const broken = sealed.filter(({ error }) => error !== undefined).length;
      const summary = `${sealed.length} sealed values, ${plain.length} that look like secrets in plain text, in ${files === 1 ? "one file" : `${files} files`}`;
      out.show(
        { files, sealed, plain, passedOver: passed },
        {
          blocks: [
            { kind: "lines", lines: [summary] },
            {
              kind: "table",
              head: ["SEALED", "VARIABLE", "FORMAT", "KEY", "WRITER", "ERROR"],
              rows: sealed.map((one) => [
                `${one.file}:${one.line}`,
                one.variable,
                one.format,
                one.key,
                one.writer,
                one.error ?? "",
              ]),
            },
            {
              kind: "table",
              head: ["PLAIN TEXT", "RULE", "WHAT"],
              rows: plain.map(({ file, line, rule, what }) => [`${file}:${line}`, rule, what]),
            },
          ],
          names: [...new Set([...sealed, ...plain].map(({ file }) => file))],
        },
      );
      return flags.check === true && plain.length + broken > 0 ? 1 : 0;
    },
  }),
);

function sealedIn({ content, shown }: Walked): Sealed[] {
  const found = findEnvelopesInBytes(content);
  if (found.length === 0) return [];
  const text = content.toString("latin1");
  const lineAt = createLines(text);
  return found.map((one) => ({
    file: shown,
    line: lineAt(one.start),
    variable: variableBeside(text, one),
    format: one.type.toLowerCase(),
    ...keysOf(one),
  }));
}

function keysOf({ type, envelope }: Found): Pick<Sealed, "key" | "writer" | "error"> {
  try {
    if (type === "HPKE") {
      const { recipient, writer } = parseEnvelope(envelope, "envelope");
      return { key: recipient, writer };
    }
    parseOld(envelope, "envelope");
    return { key: "", writer: "" };
  } catch (error) {
    if (!(error instanceof KeywardError)) throw error;
    return { key: "", writer: "", error: error.message.replace(/^envelope: /, "") };
  }
}

function plainIn({ content, shown, file }: Walked): Plain[] {
  const text = content.toString("latin1");
  const lineAt = createLines(text);
  return findPlainSecrets(text, file).map(({ at, rule, what }) => ({
    file: shown,
    line: lineAt(at),
    rule,
    what,
  }));
}
