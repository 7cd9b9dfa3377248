/** `keyward reseal`: the envelopes of files sealed to new keys, or as `ENC[HPKE,…]`. */
import { EXIT_CHANGES_PENDING, KeywardError } from "../../base/errors.ts";
import { act } from "../../command/command.ts";
import type { Output } from "../../command/output.ts";
import { localFlags, localOpenerOf } from "../../configuration/opening-flags.ts";
import { type Resealing, resealFile } from "../../configuration/reseal.ts";
import { rewrite } from "../../configuration/rewrite.ts";
import { createSealer, sealingFlags } from "../../configuration/sealing.ts";
import { type PassedOver, type Walked, walk } from "../../configuration/walk.ts";
import { systemRandom } from "../../crypto/random.ts";
import { runnable } from "../run.ts";

interface Line {
  readonly file: string;
  readonly envelopes: number;
  readonly resealed: number;
  readonly unnamed: number;
  readonly error?: string;
}

export const command = runnable(
  "reseal",
  act({
    summary: "Seal every envelope of files anew: to new keys, or in the new format",
    words: ["FILE..."],
    flags: {
      ...localFlags,
      ...sealingFlags,
      name: {
        type: "string",
        value: "NAME",
        help: "Bind every value to this variable, whatever stands beside it",
      },
      check: { type: "boolean", help: "Change nothing; end with 8 when something is to be sealed anew" },
    },
    calls: [],
    examples: [
      "keyward reseal config/ --environment prod",
      "keyward reseal . --key old-private-key.pem --to keys/environment-public-key.pem",
      "keyward reseal . --check",
    ],
    notes: [
      "--key and --writer say what opens the old envelopes (again for each key), --to and --as what seals the new ones. What is sealed to the new keys already is left alone, so that a second run changes nothing; ENC[NACL,…] and ENC[KMS,…] do not say their keys and are always sealed anew.",
      "Directories are walked without following links; .git, binary files and files of more than 16 MiB are passed over. Each file is replaced in one step or not at all: one envelope that does not open leaves its file as it was, and the command ends with that error when all others are done.",
      "A value is bound to the name that stands beside it, by the rule of keyward decrypt. One without a name opens in files and arguments only.",
    ],
    async run({ world, out, progress }, { words, flags }) {
      const sealer = createSealer(flags, world);
      const opener = localOpenerOf(flags, world);
      if (sealer.warning !== null) out.note({ text: `warning: ${sealer.warning}`, style: "yellow" });
      const resealing = {
        opener,
        sealer,
        random: systemRandom,
        ...(flags.name === undefined ? {} : { name: flags.name }),
      };
      const passed: PassedOver[] = [];
      const lines: Line[] = [];
      let failure: KeywardError | null = null;
      let count = 0;
      try {
        for (const file of walk(words, world.cwd, (one) => void passed.push(one))) {
          progress.say(`${++count} files, ${lines.length} with envelopes: ${file.shown}`);
          const { line, error } = await resealOne(file, resealing, flags.check === true);
          if (line.envelopes > 0) lines.push(line);
          failure ??= error;
        }
      } finally {
        opener.close();
      }
      progress.end();
      tell(out, lines, passed, count, flags.check === true);
      if (failure !== null) throw failure;
      return flags.check === true && lines.some(({ resealed }) => resealed > 0) ? EXIT_CHANGES_PENDING : 0;
    },
  }),
);

async function resealOne(
  file: Walked,
  resealing: Resealing,
  check: boolean,
): Promise<{ line: Line; error: KeywardError | null }> {
  try {
    const { content, found, changed, unnamed } = await resealFile(file.content, file.shown, resealing);
    if (content !== null && !check) rewrite(file, content);
    return { line: { file: file.shown, envelopes: found, resealed: changed, unnamed }, error: null };
  } catch (error) {
    if (!(error instanceof KeywardError)) throw error;
    const line = { file: file.shown, envelopes: 1, resealed: 0, unnamed: 0, error: error.message };
    return { line, error };
  }
}

function tell(
  out: Output,
  lines: readonly Line[],
  passed: readonly PassedOver[],
  files: number,
  check: boolean,
): void {
  const total = lines.reduce((sum, { resealed }) => sum + resealed, 0);
  const failed = lines.filter(({ error }) => error !== undefined).length;
  const verb = check ? "to be sealed anew" : "sealed anew";
  const rows = lines.map(({ file, envelopes, resealed, unnamed, error }) => [
    file,
    error === undefined ? String(envelopes) : "?",
    String(resealed),
    unnamed === 0 ? "" : String(unnamed),
    error ?? "",
  ]);
  const head = ["FILE", "ENVELOPES", check ? "TO SEAL" : "SEALED", "WITHOUT NAME", "ERROR"];
  const summary = `${total} ${verb} in ${files === 1 ? "one file" : `${files} files`}${failed === 0 ? "" : `; left as they were: ${failed}`}`;
  out.show(
    { files: lines, passedOver: passed, resealed: total },
    {
      blocks: [
        { kind: "lines", lines: [summary] },
        { kind: "table", head, rows },
      ],
      names: lines.filter(({ resealed }) => resealed > 0).map(({ file }) => file),
    },
  );
}
