import assert from "node:assert/strict";
import { test } from "node:test";
import { isKeywardError } from "../base/errors.ts";
import type { UnixMs } from "../base/time.ts";
import { systemRandom } from "../crypto/random.ts";
import { generateKeyPair } from "../formats/secretary/keys.ts";
import { createReplays } from "./replays.ts";

const deploy = generateKeyPair(systemRandom).publicKey;
const START = 1_800_000_000_000;
const refused = (work: () => void): void => assert.throws(work, (error) => isKeywardError(error, "conflict"));

function at(most?: number, requireTime = false) {
  const state = { now: START as UnixMs };
  const clock = (): UnixMs => state.now;
  return { state, replays: createReplays({ clock, requireTime, ...(most === undefined ? {} : { most }) }) };
}

test("a nonce is taken once from a deploy key, and from another deploy key once too", () => {
  const { replays } = at();
  const nonce = systemRandom(24);
  replays.take({ deploy, nonce });
  refused(() => replays.take({ deploy, nonce }));
  replays.take({ deploy: generateKeyPair(systemRandom).publicKey, nonce });
});

test("without a time it is remembered for ten minutes at least", () => {
  const { state, replays } = at();
  const nonce = systemRandom(24);
  state.now = (START + 590_000) as UnixMs;
  replays.take({ deploy, nonce });
  for (const later of [600_001, 1_100_000, 1_189_999]) {
    state.now = (START + later) as UnixMs;
    replays.take({ deploy, nonce: systemRandom(24) });
    refused(() => replays.take({ deploy, nonce }));
  }
});

test("with a time it is never taken twice: it is remembered for as long as its time counts", () => {
  const { state, replays } = at();
  const nonce = systemRandom(24);
  const timestamp = (START + 60_000) as UnixMs;
  replays.take({ deploy, nonce, timestamp });
  for (let minute = 0; minute < 60; minute++) {
    state.now = (START + minute * 60_000) as UnixMs;
    replays.take({ deploy, nonce: systemRandom(24) });
    refused(() => replays.take({ deploy, nonce, timestamp }));
  }
});

test("a time counts for five minutes back and one ahead, and not from before the start", () => {
  const { state, replays } = at();
  state.now = (START + 1_000_000) as UnixMs;
  const take = (timestamp: number): void =>
    replays.take({ deploy, nonce: systemRandom(24), timestamp: timestamp as UnixMs });
  take(START + 700_000);
  take(START + 1_060_000);
  refused(() => take(START + 699_999));
  refused(() => take(START + 1_060_001));
  refused(() => take(Number.NaN));
  const young = at();
  refused(() => young.replays.take({ deploy, nonce: systemRandom(24), timestamp: (START - 1) as UnixMs }));
});

test("where a time is required, a request without one is refused", () => {
  const { replays } = at(undefined, true);
  refused(() => replays.take({ deploy, nonce: systemRandom(24) }));
  replays.take({ deploy, nonce: systemRandom(24), timestamp: START as UnixMs });
});

test("in a flood the newest are remembered, and memory has its bound", () => {
  const { replays } = at(100);
  const nonces = Array.from({ length: 1000 }, () => systemRandom(24));
  for (const nonce of nonces) replays.take({ deploy, nonce });
  for (const nonce of nonces.slice(-100)) refused(() => replays.take({ deploy, nonce }));
});
