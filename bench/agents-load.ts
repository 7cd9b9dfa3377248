/** Some of the agents of `agents.bench.ts` in one process, each with directories of its own. Tells its parent when. */
import { join } from "node:path";
import { createAccounts } from "../src/adapters/accounts/accounts.ts";
import { runProgram } from "../src/adapters/adapters.ts";
import { createHost } from "../src/adapters/host/host.ts";
import { createAgent, systemWait } from "../src/agent/agent.ts";
import { saveMembership } from "../src/agent/membership.ts";
import { openState } from "../src/agent/state.ts";
import { Secret } from "../src/base/secret.ts";
import { systemClock } from "../src/base/time.ts";
import { createClient } from "../src/client/client.ts";
import { pinServer } from "../src/client/pin.ts";
import { systemRandom } from "../src/crypto/random.ts";
import { parseNodeName } from "../src/model/name.ts";

export interface Start {
  readonly directory: string;
  readonly address: string;
  readonly ca: readonly string[];
  /** Enrolled already: that is measured elsewhere. */
  readonly nodes: readonly { readonly name: string; readonly cert: string; readonly key: string }[];
}

/** Something that an agent logged, and when, in milliseconds since 1970. */
export interface Happened {
  readonly node: string;
  readonly what: string;
  readonly at: number;
}

/** So many start at the same moment; the next ones when these are connected. */
const AT_ONCE = 10;

const ended = new AbortController();
const host = createHost();
const happened: Happened[] = [];

/** Told in one message, so that telling costs the agents little. */
function tell(node: string, what: string): void {
  if (happened.length === 0) setTimeout(() => process.send?.(happened.splice(0)), 20);
  happened.push({ node, what, at: performance.timeOrigin + performance.now() });
}

function start(
  { directory, address, ca }: Start,
  { name, cert, key }: Start["nodes"][number],
): Promise<void> {
  const [keyDirectory, stateDirectory] = ["keys", "state"].map((part) => join(directory, name, part)) as [
    string,
    string,
  ];
  const state = openState(stateDirectory, host.bootId(), systemRandom);
  saveMembership(state, {
    address,
    node: parseNodeName(name),
    ca,
    key: Secret.fromText(key),
    keepsKey: true,
    certificate: cert,
  });
  state.close();
  return new Promise((connected) => {
    const note = (_: object, message: string): void => {
      tell(name, message);
      if (message === "installed") connected();
    };
    const agent = createAgent(
      { keyDirectory, stateDirectory, joining: {}, version: "bench" },
      {
        connect: createClient,
        pin: pinServer,
        clock: systemClock,
        random: systemRandom,
        wait: systemWait,
        host,
        accounts: createAccounts(),
        run: runProgram,
        log: { info: note, warn: note, error: note },
      },
    );
    void agent.run(ended.signal);
  });
}

process.on("message", async (message: Start) => {
  const left = [...message.nodes];
  const lane = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) await start(message, next);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
});
