/** Audit: the log by page, as it grows, checked, and stated. Reading it is an act, and so has its own event. */
import type { Act, Caller } from "../../audit/audit.ts";
import { KeywardError } from "../../base/errors.ts";
import { type Principal, permits } from "../../model/principal.ts";
import type { Connection } from "../dispatch.ts";
import type { Serving } from "../serving.ts";
import type { Sink } from "../sink.ts";
import { type HandlersOf, limitOf, numberOr } from "./handler.ts";

/** Readers of the growing log at the same time. */
const MOST_TAILS = 64;

export function auditHandlers({
  journal,
  heartbeat,
}: Pick<Serving, "journal" | "heartbeat">): HandlersOf<"audit"> {
  let tails = 0;
  const read = (caller: Caller): Act => ({ ...caller, action: "audit:read", resource: "audit" });

  /** A reader that does not keep up is left where it is, and goes on from there when it has room. */
  function tail(after: number, sink: Sink, again: Connection["again"]): void {
    let last = after;
    let stop = start();
    function start(): () => void {
      return journal.tail(last, (event) => {
        last = event.seq;
        if (!sink.write(JSON.stringify(event))) stop();
        if (rights.includes(event.action)) lookAgain();
      });
    }
    /** A token may have been revoked meanwhile, or have ended; a rule may have been changed. */
    function lookAgain(): void {
      again?.()
        .then(assertStill)
        .catch(() => sink.end());
    }
    const beat = {
      visit() {
        sink.write("");
        lookAgain();
      },
      end: () => sink.end(),
    };
    tails++;
    heartbeat.add(beat);
    sink.attach({
      drained() {
        stop();
        stop = start();
      },
      closed() {
        tails--;
        heartbeat.remove(beat);
        stop();
      },
    });
  }

  return {
    "audit.list": async (caller, { query: { after, limit, ...filter } }) => {
      const most = limitOf(limit);
      await journal.act(read(caller), (_tx, detail) => void Object.assign(detail, filter));
      const events = await journal.list({ after: numberOr(after, 0), limit: most + 1, ...filter });
      return { events: events.slice(0, most), more: events.length > most };
    },
    "audit.tail": async (caller, { query, connection: { again } }, sink) => {
      if (tails >= MOST_TAILS) throw new KeywardError("busy", `${MOST_TAILS} others follow the log already`);
      await journal.act(read(caller), (_tx, detail) => void Object.assign(detail, { follow: true }));
      if (query.after !== undefined) return tail(Number(query.after), sink, again);
      const [newest] = await journal.recent(1);
      tail(newest?.seq ?? 0, sink, again);
    },
    "audit.verify": async (caller, { body: { checkpoint } }) => {
      await journal.act(read(caller), (_tx, detail) => void Object.assign(detail, { verify: true }));
      return await journal.verify(checkpoint === undefined ? {} : { checkpoint: asCheckpoint(checkpoint) });
    },
    "audit.checkpoint": async (caller) => {
      await journal.act(read(caller), (_tx, detail) => void Object.assign(detail, { checkpoint: true }));
      return await journal.checkpoint();
    },
  };
}

/** What may take the right away from who reads. */
const rights: readonly string[] = ["access:write", "cert:revoke", "ca:rotate"];

function assertStill(by: Principal): void {
  if (!permits(by, "audit:read", "audit")) throw new KeywardError("denied", "may not read the log any more");
}

type Checkpoint = Awaited<ReturnType<Serving["journal"]["checkpoint"]>>;
type Given = { readonly [K in keyof Checkpoint]: Checkpoint[K] extends number ? number : string };

function asCheckpoint(given: Given): Checkpoint {
  return given as Checkpoint;
}
