/** What an idle watch costs the server: connections with client certificates of their own that only listen. */
import { withServer } from "./processes.ts";
import type { Row } from "./row.ts";

const FIRST = 200;
const WATCHERS = 1000;
const SETTLE_MS = 5000;
const IDLE_MS = 10_000;

export function run(): Promise<Row[]> {
  return withServer(
    { nodes: FIRST + WATCHERS, execArgv: ["--expose-gc"] },
    async ({ hello, use, collected, load }) => {
      // those that come first pay for what is loaded, compiled and set aside once
      await load({ ...hello, kind: "watch", pairs: hello.nodes.slice(0, FIRST) });
      await sleep(SETTLE_MS);
      const before = await collected();
      await load({ ...hello, kind: "watch", pairs: hello.nodes.slice(FIRST) });
      await sleep(SETTLE_MS);
      const after = await collected();
      const start = await use();
      await sleep(IDLE_MS);
      const idle = await use();
      const each = (after.rss - before.rss) / WATCHERS / 1000;
      const share = ((idle.cpuMs - start.cpuMs) / IDLE_MS) * 100;
      const all = `${idle.watching} watches over TLS 1.3, a certificate each`;
      return [
        {
          what: "an idle watcher",
          figure: `${each.toFixed(0)} kB`,
          goal: "< 60 kB",
          met: each < 60,
          conditions: `growth of resident memory from ${FIRST} to ${idle.watching} watches, garbage collected before both`,
        },
        {
          what: "idle server",
          figure: `${share.toFixed(1)} % of a core`,
          goal: "< 3 %",
          met: share < 3,
          conditions: `${all}, heartbeats included, ${IDLE_MS / 1000} s`,
        },
      ];
    },
  );
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
