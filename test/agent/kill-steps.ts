import { Secret } from "../../src/base/secret.ts";
import { derive } from "../../src/derive/keyward-1/keyward-1.ts";
import { rootPassword } from "./seed-for-test.ts";

/** Of the machine's seed, which makes the last key. */
export const SEED_BYTE = 7;

function derivedValue(version: number): string {
  using seed = Secret.take(new Uint8Array(32).fill(SEED_BYTE));
  using value = derive(seed, { ...rootPassword.derivation, version });
  return Buffer.from(value.reveal()).toString();
}

/** What a node should hold at each step: keys come and go, change their value and their path. */
export function desiredAt(root: string, step: number) {
  return Array.from({ length: 6 }, (_, i) => {
    const key = `k${i}`;
    const era = Math.floor((step + i) / 2);
    const path = `${key}/${Math.floor(step / 8) % 2}.key`;
    const isDerived = i === 5;
    const run = ["cp", "--", `${root}/keys/${path}`, `${root}/seen/${key}`];
    const delivery = {
      kind: "file",
      path,
      mode: 0o600,
      run,
      offline: i % 2 === 0 ? "never" : 3_600_000,
    } as const;
    return {
      grant: `g-${key}`,
      key,
      version: era + 1,
      value: isDerived ? derivedValue(era + 1) : `${key} ${era} `.repeat(400),
      delivery: { ...delivery, run },
      ...(isDerived ? { derived: rootPassword } : {}),
    };
  }).filter((_, i) => (step + i) % 5 !== 0);
}
