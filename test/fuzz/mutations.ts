/** An endless row of inputs, each made again from its seed alone: random bytes, or an example with some damage. */
import { randomInt } from "node:crypto";

export function* mutations(examples: readonly Uint8Array[]): Generator<{ seed: number; bytes: Uint8Array }> {
  for (let seed = randomInt(2 ** 31); ; seed++) yield { seed, bytes: mutation(seed, examples) };
}

export function mutation(seed: number, examples: readonly Uint8Array[]): Uint8Array {
  const random = generator(seed);
  const example =
    examples.length === 0 || random(4) === 0 ? noise(random) : examples[random(examples.length)];
  let bytes: Uint8Array = Uint8Array.from(example ?? []);
  for (let i = random(6); i >= 0; i--) bytes = damage(bytes, random);
  return bytes;
}

/** mulberry32: a small generator is enough to choose damage, and a seed makes it again. */
function generator(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

function noise(random: (below: number) => number): Uint8Array {
  const printable = random(2) === 0;
  return Uint8Array.from({ length: random(200) }, () => (printable ? 32 + random(95) : random(256)));
}

function damage(bytes: Uint8Array, random: (below: number) => number): Uint8Array {
  const at = random(bytes.length + 1);
  const some = Uint8Array.from({ length: random(9) }, () => random(256));
  switch (random(6)) {
    case 0:
      return bytes.slice(0, at);
    case 1:
      return Uint8Array.from([...bytes.slice(0, at), ...some, ...bytes.slice(at)]);
    case 2:
      return Uint8Array.from([...bytes.slice(0, at), ...bytes.slice(at + random(9))]);
    case 3:
      return Uint8Array.from([...bytes, ...bytes.slice(at, at + 64)]);
    default:
      return bytes.map((byte, i) => (i === at ? byte ^ (1 << random(8)) : byte));
  }
}
