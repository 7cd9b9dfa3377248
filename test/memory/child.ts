/**
 * A process with a root key and a keyring, for `src/seal/memory.test.ts`. It takes commands on standard
 * input, a line each, and answers each with a line; random bytes are canaries.
 */
import { createInterface } from "node:readline";
import { createJournal } from "../../src/audit/journal.ts";
import { utf8 } from "../../src/base/bytes.ts";
import { Secret } from "../../src/base/secret.ts";
import { systemClock } from "../../src/base/time.ts";
import type { Random } from "../../src/crypto/random.ts";
import { createKeyring } from "../../src/keyring/keyring.ts";
import { parseKeyName } from "../../src/model/name.ts";
import { createRootKey } from "../../src/seal/root-key.ts";
import type { SealInput } from "../../src/seal/seal.ts";
import { systemSecret } from "../../src/seal/system.ts";
import { openMemory } from "../../src/store/memory.ts";
import { createTransact } from "../../src/store/transaction.ts";
import { COST, fillCanary, KEY_FILE, PASSPHRASE } from "./canary.ts";

const KEYS = 24;
const local = { by: { kind: "local", name: "test" } } as const;

/** What was drawn, by length, so that the parent knows which canaries are keys. */
const drawn: number[] = [];
const random: Random = (length) => {
  const out = new Uint8Array(new ArrayBuffer(length));
  fillCanary(drawn.length, out);
  drawn.push(length);
  return out;
};

const store = openMemory();
const transact = createTransact(store);
const rootKey = createRootKey({ transact, clock: systemClock, random, cost: COST });
const journal = createJournal({
  transact,
  store,
  clock: systemClock,
  signer: { sign: () => null, publicKey: null },
  signEvery: 3_600_000,
});
const keyring = createKeyring({ journal, rootKey, clock: systemClock, random });

const file = (): SealInput => ({ kind: "file", content: Secret.fromText(KEY_FILE) });
const passphrase = (): SealInput => ({ kind: "passphrase", passphrase: Secret.fromText(PASSPHRASE) });

async function work(): Promise<void> {
  const names = Array.from({ length: KEYS }, (_, i) => parseKeyName(`app/${i}`));
  await Promise.all(
    names.map((name) => keyring.put(local, name, Secret.take(utf8(`value of ${name}`).slice()))),
  );
  await read();
  await keyring.generate(local, parseKeyName("gen"), { kind: "password", length: 20, classes: ["lower"] });
  const own = [
    await transact((tx) => systemSecret(tx, rootKey, "test", () => Secret.take(random(32)))),
    rootKey.derive("test"),
  ];
  rootKey.onSeal(() => own.forEach((secret) => void secret.wipe()));
}

async function read(): Promise<void> {
  for (let round = 0; round < 20; round++) {
    const names = Array.from({ length: KEYS }, (_, i) => parseKeyName(`app/${i}`));
    const all = await Promise.all(names.map((name) => keyring.get(local, name)));
    for (const { value } of all) value.wipe();
  }
}

const commands: Readonly<Record<string, () => Promise<void>>> = {
  async init() {
    await rootKey.initialise([file(), passphrase()]);
    await work();
  },
  async seal() {
    rootKey.lock();
  },
  async "unseal-file"() {
    await rootKey.unseal(file());
    await read();
  },
  async "unseal-passphrase"() {
    await rootKey.unseal(passphrase());
    await read();
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  await commands[line]?.();
  process.stdout.write(`${JSON.stringify({ done: line, state: rootKey.state, drawn })}\n`);
}
