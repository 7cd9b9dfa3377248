/** `keyward audit export`: the log as a file that can be checked without the server. */
import { once } from "node:events";
import path from "node:path";
import type { Checkpoint } from "../../../audit/checkpoint.ts";
import { formatEvent } from "../../../audit/event-line.ts";
import { formatCheckpoint } from "../../../audit/export.ts";
import { act } from "../../../command/command.ts";
import { integer } from "../../../command/read-flags.ts";
import type { World } from "../../../command/world.ts";
import { createNewFile } from "../../../command/write-file.ts";
import type { Event } from "../../../model/event.ts";
import { eventsOf } from "./events.ts";

export const exported = act({
  summary: "Write all events as JSON lines, and the signed statement that ends them",
  words: [],
  flags: {
    out: { type: "string", value: "FILE", help: "Write to this new file instead of stdout" },
    after: { type: "string", value: "N", help: "Only events after this number" },
  },
  calls: ["audit.list", "audit.checkpoint"],
  examples: ["keyward audit export --out audit.jsonl", "keyward audit export | gzip > audit.jsonl.gz"],
  notes: [
    "keyward audit verify FILE checks such a file, without a server. docs/formats/audit.md says what is in it.",
  ],
  async run({ call, out, world, progress }, { flags }) {
    const after = integer(flags.after, "--after") ?? 0;
    const checkpoint = await call("audit.checkpoint", {});
    const sink = flags.out === undefined ? stdoutSink(world) : fileSink(path.resolve(world.cwd, flags.out));
    let count = 0;
    try {
      for await (const event of eventsOf(call, { after, most: Math.max(0, checkpoint.seq - after) })) {
        await sink.line(formatEvent(event as Event));
        if (++count % 1000 === 0) progress.say(`${count} events`);
      }
      await sink.line(formatCheckpoint(checkpoint as Checkpoint));
      sink.done();
    } catch (error) {
      sink.broken();
      throw error;
    }
    if (flags.out === undefined) return;
    progress.end();
    out.show(
      { events: count, file: flags.out },
      { blocks: [{ kind: "lines", lines: [`wrote ${count} events to ${flags.out}`] }], names: [flags.out] },
    );
  },
});

interface LineSink {
  line(text: string): Promise<void> | void;
  done(): void;
  broken(): void;
}

function stdoutSink({ stdout }: Pick<World, "stdout">): LineSink {
  return {
    async line(text) {
      if (stdout.write(`${text}\n`) === false) await once(stdout as NodeJS.WriteStream, "drain");
    },
    done() {},
    broken() {},
  };
}

function fileSink(file: string): LineSink {
  const open = createNewFile(file, "file");
  return { line: (text) => open.write(`${text}\n`), done: open.keep, broken: open.drop };
}
