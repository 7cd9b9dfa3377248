/** All events that pass a filter, page by page. */
import type { ResponseOf } from "../../../api/shapes.ts";
import { present } from "../../../command/read-flags.ts";
import type { Session } from "../../../command/session.ts";

type Event = ResponseOf<"audit.tail">;

const PAGE = 1000;

export interface Filter {
  readonly after: number;
  /** At most this many; all unless given. */
  readonly most?: number;
  readonly resource?: string | undefined;
  readonly by?: string | undefined;
}

export async function* eventsOf(
  call: Session<"audit.list">["call"],
  { after, most = Number.POSITIVE_INFINITY, resource, by }: Filter,
): AsyncIterable<Event> {
  let [last, left] = [after, most];
  for (;;) {
    const limit = String(Math.min(PAGE, left));
    const { events, more } = await call("audit.list", {
      query: present({ after: String(last), limit, resource, by }),
    });
    yield* events;
    left -= events.length;
    const next = events.at(-1)?.seq;
    if (!more || next === undefined || left <= 0) return;
    last = next;
  }
}
