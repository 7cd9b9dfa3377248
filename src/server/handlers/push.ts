/** Push: nodes without an agent, and who Keyward is to them. */
import type { Caller } from "../../audit/audit.ts";
import { KeywardError } from "../../base/errors.ts";
import type { DurationMs } from "../../base/time.ts";
import type { PushRun } from "../../delivery/delivery.ts";
import type { NodeName } from "../../model/name.ts";
import { parseKeyName, parseNodeName } from "../../model/name.ts";
import { parseQuery } from "../../model/query/query.ts";
import type { Serving } from "../serving.ts";
import type { Sink } from "../sink.ts";
import { type HandlersOf, limitOf } from "./handler.ts";

type Needs = Pick<Serving, "fleet" | "journal" | "pusher" | "login" | "sshCertificates">;

export function pushHandlers({
  fleet,
  journal,
  pusher,
  login,
  sshCertificates,
}: Needs): HandlersOf<"push"> & HandlersOf<"ssh"> {
  /** Those that are asked for, and that the caller may push to; each has its event. */
  async function chosen(
    caller: Caller,
    query: string | undefined,
    names: readonly string[] | undefined,
    key: string | undefined,
  ): Promise<NodeName[]> {
    const pushed = new Set(fleet.pushed());
    const of = key === undefined ? null : parseKeyName(key);
    const named = names === undefined ? undefined : [...new Set(names.map(parseNodeName))];
    const wanted = named ?? fleet.selected(query === undefined ? null : parseQuery(query));
    for (const name of names === undefined ? [] : wanted)
      if (!pushed.has(name))
        throw new KeywardError("usage", `node ${name}: its keys are not pushed`, {
          hint: `say how it is reached: keyward node push ${name} --address HOST --scan`,
        });
    const mine = wanted.filter((name) => pushed.has(name) && (of === null || fleet.concerns(name, of)));
    const acts = mine.map((name) => ({ ...caller, action: "node:push", resource: name }) as const);
    if (acts.length > 0) await journal.actAll(acts, () => {});
    return mine;
  }

  return {
    "push.run": async (caller, { body: { query, nodes, key, concurrency, timeout, every } }, sink) => {
      const names = await chosen(caller, query, nodes, key);
      const stop = new AbortController();
      sink.attach({ drained() {}, closed: () => stop.abort() });
      sink.write(JSON.stringify({ kind: "begin", total: names.length }));
      const options = {
        concurrency,
        deadline: timeout as DurationMs | undefined,
        every: every as DurationMs | undefined,
        signal: stop.signal,
      };
      void pusher.run(names, options, (run) => say(sink, run)).finally(() => sink.end());
    },
    "ssh.keys": async (caller) => {
      await journal.act({ ...caller, action: "node:read", resource: "ssh" }, () => {});
      return await login.keys();
    },
    "ssh.sign": (caller, { body }) => sshCertificates.sign(caller, body),
    "ssh.list": (caller, { query: { after = "", limit } }) =>
      sshCertificates.list(caller, { after, limit: limitOf(limit) }),
    "ssh.revoke": (caller, { path }) => sshCertificates.revoke(caller, path.serial),
    "ssh.krl": async (caller) => ({ krl: await sshCertificates.krl(caller) }),
  };
}

function say(sink: Sink, { node, outcome, error }: PushRun): void {
  const result =
    error === null
      ? {
          kind: "done",
          node,
          ...(outcome === null
            ? { outcome: "nothing" }
            : { ...outcome, outcome: outcome.kind, kind: "done" }),
        }
      : { kind: "failed", node, code: error.code, message: error.message };
  sink.write(JSON.stringify(result));
}
