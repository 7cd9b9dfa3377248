/** `keyward data-bag reseal`: every item from an old secret to a new one. */
import { readdirSync, statSync } from "node:fs";
import path from "node:path";
import { isKeywardError, KeywardError } from "../../../base/errors.ts";
import { act } from "../../command.ts";
import { repoFlag, repositoryOf } from "../../data-bag/repo-flag.ts";
import { itemFilesIn, readItemFile, writeItemFile } from "../../data-bag/repository.ts";
import { type ResealNeeds, resealItem } from "../../data-bag/reseal.ts";
import { readDataBagSecret, secretFlag } from "../../data-bag/secret-flag.ts";
import type { Session } from "../../session.ts";
import { versionFlag, versionOf } from "./convert.ts";

export const reseal = act({
  summary: "Encrypt items under a new secret, whole bags at once",
  words: ["[FILE...]"],
  flags: {
    ...secretFlag,
    "new-secret-file": { type: "string", value: "FILE", help: "The secret from now on" },
    ...versionFlag,
    all: { type: "boolean", help: "Every item of every bag in the chef repository" },
    ...repoFlag,
  },
  calls: [],
  changes: true,
  examples: [
    "keyward data-bag reseal --secret-file old --new-secret-file new --all --dry-run",
    "keyward data-bag reseal --secret-file old --new-secret-file new --all --repo /srv/chef",
    "keyward data-bag reseal --secret-file old --new-secret-file old --version 3 item.json",
  ],
  notes: [
    "FILE is an item's file, or a folder with all that is below it. Each file is replaced in one step. A run that was broken off is run again: what is under the new secret already stays as it is. What is not encrypted stays in plain.",
    "The report says how many there are of each kind; exit status 0 means that nothing remains under the old secret.",
  ],
  async run(session, { words, flags }) {
    const { world } = session;
    if ((words.length === 0) === (flags.all !== true))
      throw new KeywardError("usage", "want FILE, or --all for a chef repository");
    const places = flags.all === true ? [repositoryOf(world, flags.repo).directory] : words;
    using old = readDataBagSecret(session, flags["secret-file"]);
    using next = readDataBagSecret(session, flags["new-secret-file"], "--new-secret-file", "seal");
    const needs = { old: [old], next, version: versionOf(flags.version, 3) };
    await resealAll(session, [...filesIn(places, world.cwd)], needs);
  },
});

interface Tally {
  resealed: number;
  values: number;
  already: number;
  plain: number;
  readonly failed: { file: string; code: string; reason: string }[];
}

async function resealAll(
  session: Session<never>,
  files: readonly string[],
  needs: ResealNeeds,
): Promise<void> {
  const { progress, world } = session;
  const tally: Tally = { resealed: 0, values: 0, already: 0, plain: 0, failed: [] };
  for (const [i, file] of files.entries()) {
    if (world.interrupted.aborted) break;
    progress.say(`${i} of ${files.length}  ${file}`);
    await resealFile(session, file, needs, tally);
  }
  progress.end();
  report(session, files.length, tally);
  const left = files.length - tally.resealed - tally.already - tally.plain;
  if (left === 0) return;
  const what = tally.failed.length > 0 ? `${tally.failed.length} could not be resealed` : "interrupted";
  throw new KeywardError(
    "integrity",
    `${what}; ${left} of ${files.length} items may remain under the old secret`,
    {
      hint: "run it again, with the secret that opens them",
    },
  );
}

async function resealFile(
  session: Session<never>,
  file: string,
  needs: ResealNeeds,
  tally: Tally,
): Promise<void> {
  try {
    const done = await resealItem(readItemFile(file), needs);
    if (done.kind === "resealed") {
      if (!session.dryRun) writeItemFile(file, done.item);
      tally.values += done.values;
    }
    tally[done.kind]++;
  } catch (error) {
    if (!isKeywardError(error)) throw error;
    tally.failed.push({ file, code: error.code, reason: error.message });
  }
}

function report({ out, dryRun }: Session<never>, items: number, tally: Tally): void {
  const { resealed, values, already, plain, failed } = tally;
  out.show(
    { items, ...tally, dryRun },
    {
      blocks: [
        {
          kind: "fields",
          fields: [
            ["items", String(items)],
            [dryRun ? "would be resealed" : "resealed", `${resealed}, ${values} values`],
            ["under the new secret already", String(already)],
            ["not encrypted", String(plain)],
            ["failed", String(failed.length)],
          ],
        },
        {
          kind: "table",
          head: ["FILE", "CODE", "REASON"],
          rows: failed.map(({ file, code, reason }) => [file, code, reason]),
        },
      ],
      names: failed.map(({ file }) => file),
    },
  );
}

/** Files as they are named, and of a folder all JSON files below it; no link is followed. */
function* filesIn(places: readonly string[], cwd: string): Generator<string> {
  for (const place of places) {
    const at = path.resolve(cwd, place);
    if (statSync(at, { throwIfNoEntry: false })?.isDirectory() === true) yield* below(at);
    else yield at;
  }
}

function* below(folder: string): Generator<string> {
  for (const name of itemFilesIn(folder)) yield path.join(folder, name);
  const folders = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  for (const { name } of folders) if (!name.startsWith(".")) yield* below(path.join(folder, name));
}
