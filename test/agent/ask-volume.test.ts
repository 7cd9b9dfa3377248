/** Who is asked for a volume's key, when, and whose answer counts; in held time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { askVolume, type VolumeAnswer, type Ways } from "../../src/agent/ask-volume.ts";
import { createDeriver } from "../../src/agent/deriver.ts";
import { type ErrorCode, KeywardError } from "../../src/base/errors.ts";
import type { DurationMs, UnixMs } from "../../src/base/time.ts";
import { systemRandom } from "../../src/crypto/random.ts";
import type { VolumeName } from "../../src/model/volume.ts";
import { holdTime } from "./held-time.ts";

const name = "data" as VolumeName;
type Server = Ways["servers"][number];

const delivery = {
  ...{ kind: "unlock", type: "luks", name, device: "/dev/disk/by-id/one", start: [], atLoss: "close" },
  conditions: {},
};
const answer = {
  grant: "g-1",
  key: "disk/db1",
  delivery,
  versions: [{ version: 1, value: "a2V5" }],
  challenge: "",
};

function setUp() {
  const time = holdTime();
  const start = time.clock();
  const asked: [string, number][] = [];
  /** `null`: it never says a word. */
  const server = (who: string, says: () => unknown): Server => ({
    address: who,
    call: (async () => {
      asked.push([who, time.clock() - start]);
      const said = says();
      if (said === null) return new Promise(() => {});
      if (said instanceof Error) throw said;
      return said;
    }) as Server["call"],
  });
  const error = (code: ErrorCode) => () => new KeywardError(code, code);
  const log = { info() {}, warn() {}, error() {} };
  let set = 0;
  const clock = () => (time.clock() + set) as UnixMs;
  const parts = {
    ...{ clock, steady: time.clock, wait: time.wait },
    ...{ random: systemRandom, log, deriver: createDeriver(null) },
  };

  /** All that happens within its time. */
  async function ask(ways: Ways, budget = 20_000) {
    let result: { answer: VolumeAnswer } | { error: unknown } | null = null;
    let at = 0;
    void askVolume(parts, ways, name, budget as DurationMs, new AbortController().signal)
      .then(
        (one) => (result = { answer: one }),
        (reason) => (result = { error: reason }),
      )
      .then(() => (at = time.clock() - start));
    for (let i = 0; i < 800 && result === null; i++) await time.advance(50);
    assert.notEqual(result, null, "it ends in its time");
    return { ...(result as unknown as { answer?: VolumeAnswer; error?: KeywardError }), at };
  }
  const spare = async (): Promise<VolumeAnswer> =>
    ({ ...answer, keys: [], known: true, from: null, [Symbol.dispose]() {} }) as never;
  /** The time of day, by so much. */
  const setClock = (by: number): void => {
    set += by;
  };
  return { server, error, ask, asked, spare, setClock };
}

test("a server that answers at once is the only one that is asked", async () => {
  const { server, ask, asked } = setUp();
  const { answer: given } = await ask({ servers: [server("a", () => answer), server("b", () => answer)] });
  assert.equal(given?.key, "disk/db1");
  assert.deepEqual(asked, [["a", 0]]);
});

test("one that is silent is not waited for: the next is asked half a second later", async () => {
  const { server, ask, asked } = setUp();
  const { at } = await ask({ servers: [server("a", () => null), server("b", () => answer)] });
  assert.deepEqual(asked, [
    ["a", 0],
    ["b", 500],
  ]);
  assert.ok(at < 1000, `${at} ms`);
});

test("no server is asked more than once a second, and all of it ends in its time", async () => {
  const { server, error, ask, asked } = setUp();
  const { error: refused, at } = await ask({
    servers: [server("a", error("unreachable")), server("b", error("busy"))],
  });
  assert.equal(refused?.code, "unreachable");
  assert.ok(at <= 21_000, `${at} ms`);
  for (const who of ["a", "b"]) {
    const times = asked.filter(([one]) => one === who).map(([, when]) => when);
    assert.ok(times.length >= 8, `${times.length} requests`);
    assert.ok(times.every((when, i) => i === 0 || when - (times[i - 1] ?? 0) > 1000));
  }
});

for (const [how, years] of [
  ["forward", 25],
  ["back", -25],
] as const)
  test(`a clock that is set ${how} while it asks makes its time neither shorter nor longer`, async () => {
    const { server, ask, asked, setClock } = setUp();
    const { at } = await ask({
      servers: [
        server("a", () => {
          if (asked.length === 3) setClock(years * 365 * 86_400_000);
          return new KeywardError("unreachable", "not yet");
        }),
      ],
    });
    assert.ok(asked.length >= 8, `${asked.length} requests`);
    assert.ok(at > 15_000 && at <= 21_000, `${at} ms`);
  });

test("one that refuses does not decide while another may know better", async () => {
  const { server, error, ask } = setUp();
  const { answer: given } = await ask({ servers: [server("a", error("denied")), server("b", () => answer)] });
  assert.equal(given?.key, "disk/db1");
  const alone = await setUp().ask({ servers: [server("a", error("denied"))] });
  assert.equal(alone.error?.code, "denied");
  const both = await ask({ servers: [server("a", error("denied")), server("b", error("unreachable"))] });
  assert.equal(both.error?.code, "denied");
});

test("what is kept here counts after five seconds without a word from anyone", async () => {
  const { server, error, ask, spare } = setUp();
  const { answer: given, at } = await ask({
    servers: [server("a", () => null), server("b", error("unreachable"))],
    spare,
  });
  assert.equal(given?.from, null);
  assert.ok(at >= 5000 && at < 6000, `${at} ms`);
});

test("what is kept here does not count once a server has spoken, if only to refuse or to wait", async () => {
  for (const code of ["denied", "busy"] as const) {
    const { server, error, ask, spare } = setUp();
    const { error: refused } = await ask({
      servers: [server("a", error("unreachable")), server("b", error(code))],
      spare,
    });
    assert.equal(refused?.code, code === "denied" ? "denied" : "unreachable");
  }
});

test("a sealed server has nothing to give to anyone, and counts as absent", async () => {
  const { server, error, ask, spare } = setUp();
  const { answer: given } = await ask({ servers: [server("a", error("sealed"))], spare });
  assert.equal(given?.from, null);
});
