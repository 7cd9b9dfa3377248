/** `keyward inject`: deploy keys for what is deployed with sealed values. */
import path from "node:path";
import { fromUtf8, utf8 } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { act } from "../../command/command.ts";
import type { World } from "../../command/world.ts";
import { findKey } from "../../configuration/find-key.ts";
import { edit } from "../../configuration/inject/editor.ts";
import {
  type Injected,
  type Injection,
  injectInto,
  plainIn,
  sealedIn,
} from "../../configuration/inject/inject.ts";
import { type Unit, type UnitKind, unitKinds, unitsOf } from "../../configuration/inject/units.ts";
import { readInput } from "../../configuration/read-input.ts";
import { rewrite } from "../../configuration/rewrite.ts";
import { MAX_FILE, type Walked, walk } from "../../configuration/walk.ts";
import { systemRandom } from "../../crypto/random.ts";
import { type PublicKey, parsePublicKey } from "../../formats/secretary/keys.ts";
import { runnable } from "../run.ts";

interface Done {
  readonly file: string;
  readonly text: string;
  readonly units: readonly Injected[];
  readonly plain: readonly { readonly unit: string; readonly variable: string }[];
  readonly source: Walked | null;
}

export const command = runnable(
  "inject",
  act({
    summary: "Write deploy keys into apps, jobs, tasks, services and pods with sealed values",
    words: ["[FILE...]"],
    flags: {
      "secretary-url": {
        type: "string",
        short: "s",
        value: "ADDRESS",
        help: "The daemon's address (SECRETARY_URL)",
      },
      "master-key": {
        type: "string",
        value: "KEY",
        help: "The daemon's public key, or its file (MASTER_PUBLIC_KEY)",
      },
      "in-place": { type: "boolean", short: "i", help: "Rewrite the files instead of printing them" },
      kind: { type: "string", choices: unitKinds, help: "What the documents are, when they do not show it" },
      rotate: { type: "boolean", help: "New keys, even where nothing changed" },
      check: { type: "boolean", help: "Write nothing; end with 1 when a secret lies there in plain text" },
    },
    calls: [],
    examples: [
      "keyward inject app.json -s https://secretary.example:5070 > rendered.json",
      "keyward inject -i deploy/*.yaml",
      "keyward inject --check deploy/*.yaml",
    ],
    notes: [
      "For Marathon apps and groups, Metronome jobs, Mesos TaskInfo, docker compose services and Kubernetes pods, in JSON or YAML: wherever a variable holds an envelope, SECRETARY_URL, MASTER_PUBLIC_KEY and a deploy key of its own are written beside it, as Lighter does. For Metronome and Mesos the public half and the list of what may be opened are labels. Everything else stays as it is, comments and blanks included.",
      "A second run changes nothing: the keys are kept until something else in the same app, job, service or pod changes. So inject in place, or keep what was printed; a run on the file without keys makes new ones.",
      "What is written holds private keys, which are good for as long as the deployment runs: keep it from others, and out of the repository.",
    ],
    async run({ world, out }, { words, flags }) {
      const check = flags.check === true;
      const plan = { kind: flags.kind, injection: check ? null : lazyInjection(flags, world) };
      const done: Done[] = [];
      for await (const one of documents(words, world)) done.push(injectDocument(one, plan));
      if (check) {
        const plain = done.flatMap((one) => one.plain.map((found) => ({ file: one.file, ...found })));
        const rows = plain.map(({ file, unit, variable }) => [file, unit, variable]);
        const summary =
          plain.length === 0
            ? "no secret lies there in plain text"
            : `${plain.length} variables look like secrets in plain text`;
        const lines = { kind: "lines", lines: [summary] } as const;
        const table = { kind: "table", head: ["FILE", "UNIT", "VARIABLE"], rows } as const;
        out.show({ plain }, { blocks: [lines, table], names: plain.map(({ variable }) => variable) });
        return plain.length === 0 ? 0 : 1;
      }
      if (flags["in-place"] !== true) {
        for (const { text } of done) out.bytes(utf8(text));
        return 0;
      }
      for (const { source, text } of done)
        if (source !== null && text !== source.content.toString()) rewrite(source, utf8(text));
      const units = done.flatMap((one) => one.units.map((unit) => ({ file: one.file, ...unit })));
      const rows = units.map(({ file, unit, keys, variables }) => [file, unit, keys, variables.join(" ")]);
      out.show(units, {
        blocks: [{ kind: "table", head: ["FILE", "UNIT", "KEYS", "SEALED"], rows }],
        names: units.map(({ unit }) => unit),
      });
      return 0;
    },
  }),
);

interface Flags {
  readonly "secretary-url"?: string;
  readonly "master-key"?: string;
  readonly rotate?: boolean;
}

/** Asked for when something is sealed: what has nothing sealed needs no daemon. */
function lazyInjection(flags: Flags, world: World): () => Injection {
  let injection: Injection | undefined;
  return () => {
    injection ??= {
      url: urlOf(flags, world),
      master: masterOf(flags, world),
      random: systemRandom,
      rotate: flags.rotate === true,
    };
    return injection;
  };
}

function urlOf(flags: Flags, { env }: World): string {
  const url = flags["secretary-url"] ?? env.SECRETARY_URL ?? "";
  if (/^https?:\/\/[^\s]+$/.test(url)) return url;
  throw new KeywardError("usage", "--secretary-url is missing, or no http:// or https:// address", {
    hint: "where the deployed programs reach the daemon, as https://secretary.example:5070",
  });
}

function masterOf(flags: Flags, world: World): PublicKey {
  const typed = flags["master-key"] ?? "";
  if (/^[A-Za-z0-9+/]{43}=$/.test(typed)) return parsePublicKey(typed, "--master-key");
  const after = ["MASTER_PUBLIC_KEY", "./keys/master-public-key.pem"];
  const key = findKey({ typed, after, secret: false }, parsePublicKey, world);
  if (key !== null) return key;
  throw new KeywardError("not-found", "the daemon's public key is not here", {
    hint: "--master-key FILE, or MASTER_PUBLIC_KEY, or ./keys/master-public-key.pem",
  });
}

async function* documents(
  words: readonly string[],
  world: World,
): AsyncIterable<{ shown: string; content: Uint8Array; source: Walked | null }> {
  if (words.length === 0 || (words.length === 1 && words[0] === "-")) {
    const input = await readInput(world, "document", MAX_FILE);
    yield { shown: "standard input", content: input.reveal(), source: null };
    return;
  }
  const refuse = ({ shown, why }: { shown: string; why: string }): never => {
    throw new KeywardError("local", `${shown}: ${why}`);
  };
  for (const file of walk(
    words.map((word) => path.resolve(world.cwd, word)),
    world.cwd,
    refuse,
  ))
    yield { shown: file.shown, content: file.content, source: file };
}

function injectDocument(
  { shown, content, source }: { shown: string; content: Uint8Array; source: Walked | null },
  { kind, injection }: { kind: UnitKind | undefined; injection: (() => Injection) | null },
): Done {
  const editor = edit(fromUtf8(content, shown), shown);
  const units = unitsOf(editor, kind);
  return {
    file: shown,
    source,
    units: injection === null ? [] : units.map((unit) => injectOne(unit, injection)),
    plain: units.flatMap((unit) => plainIn(unit).map((variable) => ({ unit: unit.name, variable }))),
    text: editor.text(),
  };
}

function injectOne(unit: Unit, injection: () => Injection): Injected {
  if (sealedIn(unit).size > 0) return injectInto(unit, injection());
  return { unit: unit.name, kind: unit.kind, keys: "none", variables: [] };
}
