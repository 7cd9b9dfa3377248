/**
 * The fuzz smoke: every parser of untrusted input gets random bytes, and its own examples mangled. Seeds are
 * printed on failure; `FUZZ_SECONDS=600 node --test test/fuzz/fuzz.test.ts` runs longer.
 */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { isKeywardError } from "../../src/base/errors.ts";
import { cpuMs } from "../waiting.ts";
import { mutations } from "./mutations.ts";

export interface FuzzTarget {
  readonly name: string;
  /** Valid inputs to mangle. */
  readonly examples?: readonly Uint8Array[];
  /** May throw only KeywardError. */
  run(bytes: Uint8Array): void;
}

const seconds = Number(process.env.FUZZ_SECONDS ?? 3);
const files = readdirSync(import.meta.dirname).filter((name) => name.endsWith(".fuzz.ts"));

for (const file of files) {
  const { default: target } = (await import(join(import.meta.dirname, file))) as { default: FuzzTarget };
  test(`${target.name}: whatever the input, an answer or a KeywardError`, () => {
    const until = Date.now() + seconds * 1000;
    let count = 0;
    for (const { seed, bytes } of mutations(target.examples ?? [])) {
      const started = cpuMs();
      try {
        target.run(bytes);
      } catch (error) {
        assert.ok(
          isKeywardError(error),
          `seed ${seed}: ${String(error)}\ninput ${Buffer.from(bytes).toString("hex")}`,
        );
      }
      assert.ok(cpuMs() - started < 3000, `seed ${seed}: took longer than three seconds`);
      count++;
      if (Date.now() > until) break;
    }
    assert.ok(count > 10, `only ${count} inputs in ${seconds} s`);
  });
}
