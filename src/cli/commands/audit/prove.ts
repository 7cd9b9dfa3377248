/** `keyward audit verify`, `checkpoint`. */
import path from "node:path";
import type { ResponseOf } from "../../../api/shapes.ts";
import { type Checkpoint, isCheckpoint } from "../../../audit/checkpoint.ts";
import { verifyExport } from "../../../audit/export.ts";
import { fromBase64, fromUtf8 } from "../../../base/bytes.ts";
import { KeywardError } from "../../../base/errors.ts";
import { parseJson } from "../../../base/json.ts";
import { act } from "../../../command/command.ts";
import type { Block } from "../../../command/output.ts";
import { linesOf, readBytes } from "../../../command/read-file.ts";
import { present } from "../../../command/read-flags.ts";
import { time } from "../../../command/view.ts";

const BROKEN = new KeywardError("integrity", "the audit log is not intact").exitStatus;

export const verify = act({
  summary: "Check the chain of all events and its signatures, or an exported file",
  words: ["[FILE]"],
  flags: {
    checkpoint: {
      type: "string",
      value: "FILE",
      help: "Also hold the log against this checkpoint, kept elsewhere",
    },
    "public-key": {
      type: "string",
      value: "BASE64",
      help: "With an exported file: the server's key, as a checkpoint shows it",
    },
  },
  calls: ["audit.verify"],
  examples: [
    "keyward audit verify",
    "keyward audit verify --checkpoint 2026-11-22.checkpoint",
    "keyward audit verify audit.jsonl --public-key BASE64",
  ],
  notes: [
    "Finds events that were edited, removed, put elsewhere or cut off at the end, and ends with 7 then. Against someone who holds the whole server, only a checkpoint or a public key that was kept elsewhere helps.",
  ],
  async run({ call, out, world }, { words: [file], flags }) {
    const kept = flags.checkpoint;
    const checkpoint = kept === undefined ? undefined : readCheckpoint(path.resolve(world.cwd, kept));
    const answer =
      file === undefined
        ? await call("audit.verify", { body: present({ checkpoint }) })
        : await verifyFile(path.resolve(world.cwd, file), checkpoint, flags["public-key"]);
    const names = answer.problems.map(({ seq }) => String(seq));
    out.show(answer, { blocks: blocksOf(answer), names });
    return answer.intact ? 0 : BROKEN;
  },
});

function countOf(problems: number): string {
  return problems === 1 ? "1 problem" : `${problems} problems`;
}

function blocksOf({ intact, events, signed, problems }: ResponseOf<"audit.verify">): Block[] {
  const verdict = intact
    ? ({ text: `intact: ${events} events, signed up to event ${signed}`, style: "green" } as const)
    : ({ text: `not intact: ${countOf(problems.length)} in ${events} events`, style: "red" } as const);
  const rows = problems.map(({ seq, what }) => [seq === 0 ? "" : String(seq), what]);
  return [
    { kind: "lines", lines: [verdict] },
    { kind: "table", head: ["EVENT", "PROBLEM"], rows },
  ];
}

/** Without the server: what the file itself shows, and what a key or a checkpoint from elsewhere adds. */
async function verifyFile(
  file: string,
  checkpoint: Checkpoint | undefined,
  publicKey: string | undefined,
): Promise<ResponseOf<"audit.verify">> {
  const trusted = publicKey ?? checkpoint?.publicKey;
  const report = await verifyExport(linesOf(file, "exported file"), {
    publicKey: trusted === undefined ? null : fromBase64(trusted, "public key"),
  });
  const { events, intact, signed, problems } = report;
  return { events, intact, signed, problems: [...problems] };
}

function readCheckpoint(file: string): Checkpoint {
  const text = fromUtf8(readBytes(file, "checkpoint", 4096), "checkpoint");
  const checkpoint = parseJson(text, "checkpoint");
  if (isCheckpoint(checkpoint)) return checkpoint;
  throw new KeywardError("malformed", "checkpoint: not one of ours", {
    hint: "it is what keyward audit checkpoint -o json printed",
  });
}

export const checkpoint = act({
  summary: "Print a signed statement of the newest event, to keep elsewhere",
  words: [],
  flags: {},
  calls: ["audit.checkpoint"],
  examples: ["keyward audit checkpoint -o json > 2026-11-22.checkpoint"],
  async run({ call, out }) {
    const answer = await call("audit.checkpoint", {});
    out.show(answer, {
      blocks: [
        {
          kind: "fields",
          fields: [
            ["event", String(answer.seq)],
            ["at", time(answer.at)],
            ["hash", answer.hash],
            ["public key", answer.publicKey],
            ["signature", answer.signature],
          ],
        },
      ],
      names: [answer.hash],
    });
    out.note("to keep it: keyward audit checkpoint -o json > FILE");
  },
});
