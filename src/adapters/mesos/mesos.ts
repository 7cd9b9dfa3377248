/**
 * Mesos: the tasks of the cluster, from the operator API of the leading master. Asked as the original's daemon asks;
 * a master that does not lead says where the leader is (307), and is followed once.
 *
 *     POST /api/v1   {"type":"GET_TASKS"}
 */
import { isKeywardError, type KeywardError } from "../../base/errors.ts";
import { type Question, Redirected, type Upstream } from "../upstream.ts";
import { type MesosTask, parseTasks } from "./tasks.ts";

export type { MesosTask } from "./tasks.ts";

export interface Mesos {
  /** By id. @throws KeywardError as `Upstream.ask`; `malformed` when the answer is no list of tasks. */
  tasks(): Promise<ReadonlyMap<string, MesosTask>>;
  close(): void;
}

export interface MesosNeeds {
  readonly url: URL;
  /** Makes the way to a master. */
  readonly connect: (url: URL) => Upstream;
}

/** A cluster of eighty thousand tasks. */
const LIMIT = 67_108_864;
const question: Question = {
  method: "POST",
  path: "/api/v1",
  body: '{"type":"GET_TASKS"}',
  headers: { "content-type": "application/json" },
  limit: LIMIT,
};

export function createMesos({ url, connect }: MesosNeeds): Mesos {
  const given = connect(url);
  let leader: { readonly url: string; readonly upstream: Upstream } | null = null;

  function leaderAt(next: URL): Upstream {
    if (leader?.url === next.href) return leader.upstream;
    leader?.upstream.close();
    leader = { url: next.href, upstream: connect(next) };
    return leader.upstream;
  }

  async function ask(): Promise<Uint8Array> {
    try {
      return await given.ask(question);
    } catch (error) {
      const next = isKeywardError(error) ? leaderIn(error, url) : null;
      if (next === null) throw error;
      return await leaderAt(next).ask(question);
    }
  }

  return {
    tasks: async () => parseTasks(await ask()),
    close() {
      given.close();
      leader?.upstream.close();
    },
  };
}

/** The leader, if that is where it points: to the same question by the same protocol. A password does not go along. */
function leaderIn({ cause }: KeywardError, url: URL): URL | null {
  if (!(cause instanceof Redirected) || cause.status !== 307 || !URL.canParse(cause.location, url.href))
    return null;
  const next = new URL(cause.location, url.href);
  const isQuestion = next.pathname.endsWith(question.path) && next.search === "";
  if (next.protocol !== url.protocol || !isQuestion || next.username !== "") return null;
  return new URL(next.pathname.slice(0, -question.path.length), next);
}
