import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { type AuditLog, createJournal } from "../audit/journal.ts";
import { isKeywardError } from "../base/errors.ts";
import type { DurationMs, UnixMs } from "../base/time.ts";
import { systemRandom } from "../crypto/random.ts";
import { type Principal, permits } from "../model/principal.ts";
import { openMemory } from "../store/memory.ts";
import type { Store } from "../store/store.ts";
import { createTransact } from "../store/transaction.ts";
import { type Access, createAccess } from "./access.ts";

const HOUR = 3_600_000 as DurationMs;
const root = { by: { kind: "local", name: "root" } } as const;

let store: Store;
let now: number;
let journal: AuditLog;
let access: Access;

function open(): Access {
  const transact = createTransact(store);
  const clock = () => now as UnixMs;
  const signer = { sign: () => null, publicKey: null };
  journal = createJournal({ transact, store, clock, signer });
  return createAccess({ journal, transact, store, clock, random: systemRandom, refusalsPerMinute: 3 });
}

beforeEach(() => {
  store = openMemory();
  now = 1_000_000_000_000;
  access = open();
});
afterEach(() => access.close());

async function sign(name: string, ...rules: string[]): Promise<{ text: string; id: string; by: Principal }> {
  const { token, info } = await access.createToken(root, { name, rules, ttl: HOUR });
  return { text: token, id: info.id, by: await access.authenticate(token) };
}

const may = (who: Principal, action: "key:read" | "key:write", name: string) => permits(who, action, name);

describe("a token", () => {
  it("signs its operator in, with what its rules allow at that time", async () => {
    await access.putRule(root, "db", [{ actions: ["key:read"], prefix: "db/" }]);
    const { text, by } = await sign("alice", "db");
    assert.deepEqual([may(by, "key:read", "db/x"), may(by, "key:write", "db/x")], [true, false]);
    await access.putRule(root, "db", [{ actions: ["key:write"], prefix: "db/" }]);
    const later = await access.authenticate(text);
    assert.deepEqual([may(later, "key:read", "db/x"), may(later, "key:write", "db/x")], [false, true]);
    await access.removeRule(root, "db");
    assert.equal(may(await access.authenticate(text), "key:write", "db/x"), false);
  });

  it("signs in after a restart", async () => {
    const { text } = await sign("alice", "admin");
    access.close();
    access = open();
    assert.equal((await access.authenticate(text)).kind, "operator");
  });

  it("is kept as a hash only", async () => {
    const { text } = await sign("alice", "admin");
    const secret = text.split("_").slice(2).join("_");
    for (const { value } of await store.range({ prefix: "" })) {
      assert.equal(Buffer.from(value).includes(secret), false);
    }
  });

  it("is refused from its revocation on, on this server and on another", async () => {
    const { text, id } = await sign("alice", "admin");
    const other = createAccess({
      journal,
      transact: createTransact(store),
      store,
      clock: () => now as UnixMs,
      random: systemRandom,
    });
    await other.authenticate(text);
    await access.revokeToken(root, id);
    await assert.rejects(access.authenticate(text), { code: "unauthenticated" });
    await assert.rejects(other.authenticate(text), { code: "unauthenticated" });
    other.close();
  });

  it("is refused from its expiry on", async () => {
    const { text } = await sign("alice", "admin");
    now += HOUR - 1;
    await access.authenticate(text);
    now += 1;
    await assert.rejects(access.authenticate(text), { code: "unauthenticated", message: /expired/ });
  });

  it("is refused with any other secret, id or form, always with the same words", async () => {
    const { text, id } = await sign("alice", "admin");
    const last = text.endsWith("A") ? "B" : "A";
    const wrong = [
      `${text.slice(0, 30)}${last}${text.slice(31)}`,
      text.replace(id, "0000000000000000"),
      text.slice(0, -1),
      `${text} `,
      "",
      "x".repeat(100_000),
    ];
    for (const one of wrong) {
      if (one === text) continue;
      await assert.rejects(access.authenticate(one), { message: "token: not accepted" });
    }
  });

  it("lives for as long as was asked, within limits", async () => {
    const { info } = await access.createToken(root, { name: "alice", rules: ["audit"], ttl: HOUR });
    assert.equal(info.expires, now + HOUR);
    for (const ttl of [0, -1, 999, 1.5, Number.NaN, 367 * 86_400_000]) {
      const request = { name: "alice", rules: ["audit"], ttl: ttl as DurationMs };
      await assert.rejects(access.createToken(root, request), { code: "usage" });
    }
  });

  it("notes its use once a minute at most", async () => {
    const { text } = await sign("alice", "audit");
    const lastUsed = async () => {
      for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
      return (await access.listTokens(root))[0]?.lastUsed;
    };
    const first = now;
    assert.equal(await lastUsed(), first);
    now += 59_000;
    const revision = await store.revision();
    await Promise.all(Array.from({ length: 50 }, () => access.authenticate(text)));
    assert.equal(await store.revision(), revision);
    now += 1000;
    await access.authenticate(text);
    assert.equal(await lastUsed(), first + 60_000);
  });

  it("is not made in a dry run", async () => {
    const request = { name: "alice", rules: ["admin"], ttl: HOUR };
    const { token } = await access.createToken({ ...root, dryRun: true }, request);
    assert.equal(token, "");
    assert.equal(await store.revision(), 0);
  });

  it("never shows its hash in a list", async () => {
    await sign("bob", "audit");
    await sign("alice", "admin");
    const list = await access.listTokens(root);
    assert.deepEqual(
      list.map(({ name }) => name),
      ["alice", "bob"],
    );
    assert.equal(JSON.stringify(list).includes("hash"), false);
  });
});

describe("nobody hands on more than they have", () => {
  beforeEach(async () => {
    await access.putRule(root, "db", [{ actions: ["key:read", "key:write"], prefix: "db/" }]);
    await access.putRule(root, "lead", [
      { actions: ["key:read"], prefix: "db/" },
      { actions: ["access:write", "access:read"], prefix: "" },
    ]);
  });

  it("by a token with a rule that allows more", async () => {
    const { by } = await sign("lead", "lead");
    for (const rule of ["db", "admin", "metrics"]) {
      const request = { name: "mallory", rules: ["lead", rule], ttl: HOUR };
      await assert.rejects(access.createToken({ by }, request), { code: "denied" });
    }
    const [event] = await journal.recent(1);
    assert.deepEqual([event?.outcome, event?.by], ["denied", "operator:lead"]);
    await access.createToken({ by }, { name: "helper", rules: ["lead"], ttl: HOUR });
  });

  it("by writing more into a rule that they or others have", async () => {
    const { by } = await sign("lead", "lead");
    for (const allow of [
      { actions: "*", prefix: "" },
      { actions: ["key:write"], prefix: "db/" },
      { actions: ["key:read"], prefix: "" },
    ] as const) {
      await assert.rejects(access.putRule({ by }, "lead", [allow]), { code: "denied" });
    }
    await access.putRule({ by }, "less", [{ actions: ["key:read"], prefix: "db/orders/" }]);
  });

  it("by a rule that is built in", async () => {
    await assert.rejects(access.putRule(root, "admin", []), { code: "usage" });
    await assert.rejects(access.putRule(root, "metrics", [{ actions: "*", prefix: "" }]), { code: "usage" });
    await assert.rejects(access.removeRule(root, "admin"), { code: "usage" });
  });

  it("nor makes tokens and rules without a right to", async () => {
    const { by, id } = await sign("alice", "db");
    const request = { name: "bob", rules: ["db"], ttl: HOUR };
    await assert.rejects(access.createToken({ by }, request), { code: "denied" });
    await assert.rejects(access.revokeToken({ by }, id), { code: "denied" });
    await assert.rejects(access.listTokens({ by }), { code: "denied" });
    await assert.rejects(access.listRules({ by }), { code: "denied" });
    await assert.rejects(access.putRule({ by }, "x", []), { code: "denied" });
    await assert.rejects(access.removeRule({ by }, "db"), { code: "denied" });
  });
});

describe("rules", () => {
  it("are listed with the built-in ones first", async () => {
    await access.putRule(root, "db", [{ actions: ["key:read"], prefix: "db/" }]);
    const list = await access.listRules(root);
    assert.deepEqual(
      list.map(({ name }) => name),
      ["admin", "audit", "metrics", "db"],
    );
  });

  it("that do not exist are not found", async () => {
    const request = { name: "bob", rules: ["nope"], ttl: HOUR };
    await assert.rejects(access.createToken(root, request), { code: "not-found" });
    await assert.rejects(access.removeRule(root, "nope"), { code: "not-found" });
    await assert.rejects(access.revokeToken(root, "nope"), { code: "not-found" });
  });

  it("with unknown actions or too many lines are refused", async () => {
    const line = { actions: ["key:read"], prefix: "" } as const;
    const bad = [
      [{ actions: [], prefix: "" }],
      [{ actions: ["node:watch"], prefix: "" }],
      Array(65).fill(line),
    ];
    for (const allow of bad)
      await assert.rejects(access.putRule(root, "x", allow as never), { code: "usage" });
  });
});

describe("refused logins", () => {
  it("have an event that names the token and the reason, never the secret", async () => {
    const { text, id } = await sign("alice", "admin");
    now += HOUR;
    await assert.rejects(access.authenticate(text, "10.0.0.7"));
    const [event] = await journal.recent(1);
    assert.deepEqual(
      [event?.by, event?.action, event?.resource, event?.outcome, event?.detail],
      ["anonymous", "access:login", `token ${id}`, "denied", { reason: "expired", from: "10.0.0.7" }],
    );
  });

  it("in a flood have few events, and the next minute tells how many there were", async () => {
    await access.ready;
    const attempts = Array.from({ length: 500 }, () => access.authenticate("kwt_nonsense").catch(() => {}));
    await Promise.all(attempts);
    assert.equal((await journal.list({ after: 0, limit: 999 })).length, 3);
    now += 60_000;
    await access.authenticate("").catch(() => {});
    assert.deepEqual((await journal.recent(1))[0]?.detail, { reason: "malformed", heldBack: 497 });
  });
});

describe("who am I", () => {
  it("tells name, rules and the token's expiry", async () => {
    const { by } = await sign("alice", "audit");
    const { principal, rules, expires } = access.whoami({ by });
    assert.deepEqual(
      [principal, rules.map(({ name }) => name), expires],
      ["operator:alice", ["audit"], now + HOUR],
    );
  });

  it("tells what a client certificate's rules allow now", async () => {
    await access.ready;
    const who = access.operator("carol", ["audit", "gone"]);
    assert.deepEqual(
      access.whoami({ by: who }).rules.map(({ name }) => name),
      ["audit"],
    );
    assert.equal(access.whoami({ by: { kind: "anonymous" } }).principal, "anonymous");
    assert.ok(
      isKeywardError(
        await access.createToken({ by: who }, { name: "x", rules: [], ttl: HOUR }).catch((e) => e),
      ),
    );
  });
});
