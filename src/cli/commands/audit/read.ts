/** `keyward audit list`, `tail`. */

import type { ResponseOf } from "../../../api/shapes.ts";
import { KeywardError } from "../../../base/errors.ts";
import { act } from "../../../command/command.ts";
import { integer, present } from "../../../command/read-flags.ts";
import type { Session } from "../../../command/session.ts";
import type { Cell } from "../../../command/terminal.ts";
import { short, state, time } from "../../../command/view.ts";
import { eventsOf, type Filter } from "./events.ts";

type Event = ResponseOf<"audit.tail">;

const DEFAULT_LIMIT = 1000;

export const list = act({
  summary: "List events, oldest first",
  words: [],
  flags: {
    after: { type: "string", value: "N", help: "Only events after this number" },
    last: { type: "string", value: "N", help: "Only the newest N of them" },
    limit: { type: "string", value: "N", help: `At most this many (${DEFAULT_LIMIT})` },
    resource: { type: "string", value: "NAME", help: "Only what was done to this key, node, grant, …" },
    by: { type: "string", value: "WHO", help: "Only what this principal did, as operator:alice or node:db1" },
  },
  calls: ["audit.list", "audit.checkpoint"],
  examples: [
    "keyward audit list --last 20",
    "keyward audit list --resource db/orders/password",
    "keyward audit list --by operator:alice --after 1200 --limit 50",
  ],
  async run(session, { flags: { after, last, limit, resource, by } }) {
    if (last !== undefined && (after !== undefined || limit !== undefined))
      throw new KeywardError("usage", `--last and --${after ? "after" : "limit"} exclude each other`);
    const newest = integer(last, "--last", 1);
    const events =
      newest === undefined
        ? await firstOf(session.call, {
            after: integer(after, "--after") ?? 0,
            most: integer(limit, "--limit", 1) ?? DEFAULT_LIMIT,
            resource,
            by,
          })
        : await newestOf(session.call, newest, { resource, by });
    const columns = ["SEQ", "AT", "BY", "ACTION", "RESOURCE", "OUTCOME", "DETAIL"];
    session.out.show(
      { events },
      {
        blocks: [{ kind: "table", head: columns, rows: events.map(cellsOf) }],
        names: events.map((event) => String(event.seq)),
      },
    );
  },
});

type Call = Session<"audit.list" | "audit.checkpoint">["call"];

async function firstOf(call: Call, filter: Filter): Promise<Event[]> {
  const events: Event[] = [];
  for await (const event of eventsOf(call, filter)) events.push(event);
  return events;
}

/** Up to the moment of the question: asking has events too. Those that a filter selects may lie far back. */
async function newestOf(call: Call, count: number, filter: Omit<Filter, "after">): Promise<Event[]> {
  const end = (await call("audit.checkpoint", {})).seq;
  const isFiltered = filter.resource !== undefined || filter.by !== undefined;
  const events: Event[] = [];
  for await (const event of eventsOf(call, {
    ...filter,
    after: isFiltered ? 0 : Math.max(0, end - 1 - count),
  })) {
    if (event.seq >= end) break;
    events.push(event);
    if (events.length > count) events.shift();
  }
  return events;
}

function cellsOf({ seq, at, by, action, resource, outcome, detail = {} }: Event): Cell[] {
  const details = Object.entries(detail).map(([name, value]) => `${name}=${short(value)}`);
  return [String(seq), time(at), by, action, resource, state(outcome), details.join(" ")];
}

export const tail = act({
  summary: "Follow events as they happen, until Ctrl-C",
  words: [],
  flags: { after: { type: "string", value: "N", help: "Begin after this event" } },
  calls: ["audit.tail"],
  examples: ["keyward audit tail", "keyward audit tail -o json"],
  async run({ stream, out }, { flags }) {
    const after = integer(flags.after, "--after");
    const query = present({ after: after === undefined ? undefined : String(after) });
    for await (const event of stream("audit.tail", { query }))
      out.item(event, cellsOf(event), String(event.seq));
  },
});
