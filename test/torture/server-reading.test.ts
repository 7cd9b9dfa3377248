import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Api } from "../../src/api/api.ts";
import { eventKey } from "../../src/audit/event-line.ts";
import { KeywardError } from "../../src/base/errors.ts";
import type { VersionNumber } from "../../src/model/key.ts";
import type { KeyName } from "../../src/model/name.ts";
import { versionKey } from "../../src/records/records.ts";
import { startTestServer, type TestServer } from "../../src/server/server-for-test.ts";
import type { Write } from "../../src/store/store.ts";
import { type Book, keepWriting, keysOf, nodeOf, openBook } from "./server-acts.ts";
import { createKnown, verifyAll, verifyRound } from "./server-reading.ts";

let server: TestServer;
let api: Api;
const known = createKnown();

/** An API that is gone after so many calls, the last of them without an answer. */
function cutAfter(calls: number, last: "committed" | "lost"): Api {
  let left = calls;
  const gone = new KeywardError("unreachable", "gone");
  return {
    ...api,
    async call(operation, request) {
      left -= 1;
      if (left === 0 && last === "lost") throw gone;
      const answer = await api.call(operation, request);
      if (left === 0) throw gone;
      return answer;
    },
  };
}

async function write(writer: number, round: number, acts: number, last: "committed" | "lost"): Promise<Book> {
  const book = openBook(writer, round);
  await keepWriting(cutAfter(acts, last), book, () => {});
  assert.equal(book.done.length, acts - 1);
  return book;
}

/** From where the last reading that went well ended. */
function read(book: Book): Promise<void> {
  return verifyRound(api, [book], { ...known, keys: new Map() }, book.round);
}

before(async () => {
  server = await startTestServer();
  api = await server.operator("admin");
  for (let writer = 0; writer < 3; writer++) await api.call("node.add", { body: { name: nodeOf(writer) } });
});
after(() => server.stop());

test("the reading back finds every act, whether the last one came through or not, whichever it was", async () => {
  for (let acts = 1; acts <= 12; acts++) {
    for (const last of ["committed", "lost"] as const) {
      const round = acts * 2 + (last === "lost" ? 1 : 0);
      await verifyRound(api, [await write(acts % 3, round, acts, last)], known, round);
    }
  }
  await verifyAll(api, known);
});

test("the reading back notices an act that is lost, and a value that is another", async () => {
  const book = await write(0, 100, 12, "lost");
  const { stored, made } = keysOf(book);
  const also = (ack: Partial<Book["done"][number]>): Book =>
    ({ ...book, underWay: null, done: [...book.done, { ...ack, writer: 0 }] }) as Book;
  for (const key of [stored, made]) {
    const version = 1 + book.done.filter((ack) => ack.kind === "wrote" && ack.key === key).length;
    const lost = also({ kind: "wrote", key, value: null, version });
    await assert.rejects(read(lost), new RegExp(`version ${version} was acknowledged, the last is`));
  }
  await assert.rejects(read(also({ kind: "set", number: 50 })), /changes are in the log/);
  const reads = Array.from({ length: 9 }, () => ({ kind: "read", key: stored, writer: 0 }) as const);
  await assert.rejects(read({ ...book, done: [...book.done, ...reads] }), /reads are in the log/);
  await assert.rejects(read(also({ kind: "ungranted", grant: "g-x" })), /changes of grants are in the log/);
  const done = book.done.map((ack) =>
    ack.kind === "wrote" && ack.value !== null ? { ...ack, value: "AAAA" } : ack,
  );
  await assert.rejects(read({ ...book, done }), /has another value/);
  await verifyRound(api, [book], known, book.round);
});

test("the reading back notices an act that nobody asked for", async () => {
  const book = await write(2, 101, 12, "committed");
  const { stored } = keysOf(book);
  for (const body of [{ value: "b25l" }, { value: "dHdv" }])
    await api.call("key.put", { path: { name: stored }, body });
  await assert.rejects(read(book), /were asked for/);
  await api.call("key.remove", { path: { name: stored } });
  await assert.rejects(read(book), /was acknowledged, the last is 0/);
});

test("the reading back notices half of an act, and an event that is missing", async () => {
  const [{ store }, book] = [server.parts, await write(1, 102, 12, "committed")];
  const { stored } = keysOf(book);
  const change = async (...write: Write[]) => void (await store.commit({ compare: [], write }));

  async function without(key: string, message: RegExp): Promise<void> {
    const record = await store.get(key);
    assert.ok(record !== null, key);
    await change({ kind: "delete", key });
    await assert.rejects(read(book), message);
    await change({ kind: "put", key, value: record.value });
  }
  const last = book.done.filter((ack) => ack.kind === "wrote" && ack.key === stored).length;
  await without(versionKey(stored as KeyName, last as VersionNumber), /the value is missing/);
  await without(`keys/${stored}`, /was acknowledged, the last is 0/);
  await without(`nodes/${nodeOf(1)}`, /is torn/);
  const [grant] = (await api.call("grant.list", { query: { key: stored } })).grants;
  if (grant !== undefined) await without(`grants/${grant.id}`, /grants and the log/);
  const [event] = (await api.call("audit.list", { query: { resource: stored } })).events;
  await without(eventKey(event?.seq ?? 0), /no chain/);
  await read(book);
});
