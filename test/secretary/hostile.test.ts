/** The daemon among those who wish it ill: callers, and a Marathon that is slow, wrong or endless. */
import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { connect } from "node:net";
import { after, test } from "node:test";
import type { DaemonOptions } from "../../src/server/daemon.ts";
import { until } from "../waiting.ts";
import { startRecordedDaemon } from "./daemon.ts";
import {
  appId,
  ask,
  config,
  deploy,
  marathonCalls,
  master,
  post,
  requestBody,
  runningTask,
  sealed,
  taskId,
} from "./deployment.ts";
import { startUpstream } from "./upstream.ts";

const envelope = sealed("correct horse battery staple");
const upstream = await startUpstream();
after(() => upstream.close());

async function withDaemon(
  work: (url: string, lines: readonly string[], port: number) => Promise<void>,
  options: Partial<DaemonOptions> = {},
) {
  upstream.answer = null;
  upstream.asked.length = 0;
  upstream.serve(marathonCalls({ env: { PW: envelope, PRIVATE: "hush-hush" } }));
  const daemon = await startRecordedDaemon(upstream.url, {
    masters: [master.privateKey],
    configs: [config.publicKey],
    upstreamMs: 30_000,
    ...options,
  });
  try {
    await work(`http://127.0.0.1:${daemon.port}`, daemon.lines, daemon.port);
  } finally {
    await daemon.stop();
  }
}

test("a value is opened for the task that has it, and for a request that comes twice only once", () =>
  withDaemon(async (url) => {
    assert.equal((await ask(url, envelope)).value, "correct horse battery staple");
    const { form } = requestBody(envelope);
    assert.equal((await post(url, form)).status, 200);
    for (let i = 0; i < 3; i++) assert.equal((await post(url, form)).status, 409);
    const old = requestBody(envelope, { requestId: undefined as never, timestamp: undefined as never });
    assert.equal((await post(url, old.form)).status, 200);
    assert.equal((await post(url, old.form)).status, 409, "without a time too");
  }));

test("a request is not answered again after a restart", async () => {
  let form = "";
  await withDaemon(async (url) => {
    form = requestBody(envelope).form;
    assert.equal((await post(url, form)).status, 200);
  });
  await new Promise((resolve) => setTimeout(resolve, 5));
  await withDaemon(async (url) => assert.equal((await post(url, form)).status, 409));
});

test("a request without a time is answered again after a restart, unless a time is required", async () => {
  const { form } = requestBody(envelope, { requestId: undefined as never, timestamp: undefined as never });
  await withDaemon(async (url) => assert.equal((await post(url, form)).status, 200));
  await withDaemon(async (url) => assert.equal((await post(url, form)).status, 200));
  await withDaemon(
    async (url) => {
      assert.equal((await post(url, form)).status, 409);
      assert.equal((await ask(url, envelope)).status, 200);
    },
    { requireTime: true },
  );
});

test("a request from another time is refused", () =>
  withDaemon(async (url) => {
    const now = Date.now();
    for (const timestamp of [now - 301_000, now + 120_000, 0, -1, Number.MAX_SAFE_INTEGER])
      assert.equal(
        (await ask(url, envelope, { timestamp: timestamp as never })).status,
        409,
        String(timestamp),
      );
  }));

const late = (response: ServerResponse) => void response;
const upstreams: Readonly<
  Record<string, readonly [status: number, answer: (response: ServerResponse) => void]>
> = {
  hangs: [504, late],
  "sends its head and hangs": [504, (response) => void response.writeHead(200).write('{"app":')],
  "sends a byte now and then": [
    504,
    (response) => {
      const timer = setInterval(() => response.write(" "), 20);
      response.on("close", () => clearInterval(timer));
    },
  ],
  "declares 1 GB": [
    500,
    (response) => void response.writeHead(200, { "content-length": "1073741824" }).write("{"),
  ],
  "answers 1 GB": [500, (response) => flood(response)],
  redirects: [
    500,
    (response) => void response.writeHead(302, { location: "http://127.0.0.1:1/" }).end("hush-hush"),
  ],
  "redirects to itself": [500, (response) => void response.writeHead(307, { location: "/v2/apps/x" }).end()],
  "answers nothing": [500, (response) => void response.destroy()],
  "answers 500 with a page": [500, (response) => void response.writeHead(500).end("<b>hush-hush</b>")],
  "answers no JSON": [500, (response) => void response.end("hush-hush")],
  "answers JSON a million levels deep": [500, (response) => void response.end("[".repeat(1_000_000))],
  "answers a list": [500, (response) => void response.end('["hush-hush"]')],
  "answers bytes that are no text": [500, (response) => void response.end(Buffer.from([0x7b, 0xff, 0xfe]))],
  "answers about another app": [
    500,
    (response) => void response.end(JSON.stringify({ app: { id: "/other", tasks: [runningTask] } })),
  ],
  "answers with a type for another": [
    500,
    (response) => void response.end(JSON.stringify({ app: { id: 1, tasks: {} } })),
  ],
};

function flood(response: ServerResponse): void {
  const chunk = Buffer.alloc(1_048_576, 0x20);
  response.writeHead(200);
  let left = 1024;
  const more = (): void => {
    while (left-- > 0 && !response.destroyed)
      if (!response.write(chunk)) return void response.once("drain", more);
    response.end();
  };
  more();
}

for (const [what, [status, answer]] of Object.entries(upstreams))
  test(`a Marathon that ${what} is refused in time, and nothing of it is told`, () =>
    withDaemon(
      async (url, lines) => {
        upstream.answer = (_, response) => {
          answer(response);
          return true;
        };
        const start = performance.now();
        const refusal = await ask(url, envelope);
        assert.equal(refusal.status, status, refusal.text);
        assert.ok(performance.now() - start < 20_000);
        for (const text of [refusal.text ?? "", ...lines])
          assert.doesNotMatch(text, /hush-hush|127\.0\.0\.1:1\b/);
        upstream.answer = null;
        assert.equal((await ask(url, envelope)).status, 200, "and the next request goes its way");
      },
      { upstreamMs: what.includes("GB") ? 5000 : 1500 },
    ));

test("ids that cannot be ids are refused before anyone is asked, and are one line in the log", () =>
  withDaemon(async (url, lines) => {
    const ids = [
      "shop/search",
      "//shop",
      "/",
      "/a//b",
      "/a/",
      "/../etc",
      "/a/../b",
      "/a/.",
      "/a\r\nb",
      "/a b",
      "/a?b",
      "/a%2f",
      "/ä",
      "/\0",
      `/${"a".repeat(65_536)}`,
    ];
    for (const id of ids)
      assert.equal((await ask(url, envelope, { appId: id })).status, 400, JSON.stringify(id.slice(0, 20)));
    const tasks = ["a\n2030/01/01 00:00:00 Received", "..", "a/b", "a b", "\u202e", "t".repeat(65_536)];
    for (const id of tasks)
      assert.equal((await ask(url, envelope, { taskId: id })).status, 400, JSON.stringify(id.slice(0, 20)));
    assert.deepEqual(upstream.asked, []);
    for (const line of lines) {
      assert.equal(line.trimEnd().split("\n").length, 1);
      assert.ok(line.length < 10_000, "ids in the log are short");
      JSON.parse(line);
    }
  }));

test("a thousand callers with one app cost two questions", () =>
  withDaemon(async (url) => {
    const answers = await Promise.all(Array.from({ length: 200 }, () => ask(url, envelope)));
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
    const asked = upstream.asked.filter((line) => !line.includes("/v2/events"));
    assert.ok(asked.length <= 40, asked.join("\n"));
  }));

test("a task that began since the last answer is found at once, and one that ended is forgotten within a second", () =>
  withDaemon(async (url) => {
    assert.equal((await ask(url, envelope)).status, 200);
    const next = { ...runningTask, id: "shop_search.next" };
    upstream.serve(marathonCalls({ env: { PW: envelope }, tasks: [next] }));
    assert.equal((await ask(url, envelope, { taskId: next.id })).status, 200);
    assert.equal((await ask(url, envelope)).status, 500, "asked again because of the other");
    upstream.serve(marathonCalls({ env: { PW: envelope }, tasks: [] }));
    await new Promise((resolve) => setTimeout(resolve, 1050));
    assert.equal((await ask(url, envelope, { taskId: next.id })).status, 500);
  }));

test("Marathon's events make it forget at once", () =>
  withDaemon(async (url) => {
    let events: ServerResponse | null = null;
    upstream.answer = (request, response) => {
      if (request.url !== "/v2/events") return false;
      events = response;
      response
        .writeHead(200, { "content-type": "text/event-stream" })
        .write("event: event_stream_attached\ndata: {}\n\n");
      return true;
    };
    await ask(url, envelope);
    assert.equal(upstream.asked.includes("GET /v2/events"), false, "not before an answer is used twice");
    await ask(url, envelope);
    await until("it listens", () => events !== null);
    // kept for a second, which a busy machine may take between two questions
    await until("what was answered is kept", async () => {
      upstream.serve(marathonCalls({ env: { PW: envelope } }));
      if ((await ask(url, envelope)).status !== 200) return false;
      upstream.serve(marathonCalls({ env: { PW: envelope }, tasks: [] }));
      return (await ask(url, envelope)).status === 200;
    });
    (events as ServerResponse | null)?.write(
      'event: status_update_event\ndata: {"taskStatus":"TASK_KILLED"}\n\n',
    );
    await until("it forgets", async () => (await ask(url, envelope)).status === 500);
    (events as ServerResponse | null)?.end();
  }));

test("a task that ended is nobody, in whatever state it ended", () =>
  withDaemon(async (url) => {
    for (const state of [
      "TASK_KILLED",
      "TASK_FINISHED",
      "TASK_FAILED",
      "TASK_LOST",
      "TASK_KILLING",
      "TASK_GONE",
      "x",
    ]) {
      upstream.serve(marathonCalls({ env: { PW: envelope }, tasks: [{ ...runningTask, state }] }));
      await new Promise((resolve) => setTimeout(resolve, 60));
      assert.equal((await ask(url, envelope)).status, 500, state);
    }
  }));

test("many values in one request come in one answer; ten thousand are refused", () =>
  withDaemon(async (url, lines) => {
    const values = Array.from({ length: 20 }, (_, i) => `value ${i}`);
    const envelopes = values.map(sealed);
    const foreign = sealed("not given to this app");
    const given = Object.fromEntries(envelopes.map((one, i) => [`V${i}`, one]));
    upstream.serve(marathonCalls({ env: { PW: envelope, ...given } }));
    const also = [...envelopes, foreign].map((requestedSecret, i) => ({ requestedSecret, key: `V${i}` }));
    const answer = await ask(url, envelope, { also });
    assert.equal(answer.status, 200, answer.text);
    const opened = (answer.also ?? []).map((one) =>
      "value" in one ? Buffer.from(one.value.reveal()).toString() : one.error,
    );
    assert.deepEqual(opened.slice(0, 20), values);
    assert.match(opened[20] ?? "", /may not be opened/);
    assert.equal(
      lines.filter((line) => line.includes('"envelope":')).length,
      22,
      "each has its decision in the log",
    );
    const many = Array.from({ length: 10_000 }, () => ({ requestedSecret: "ENC[NACL,AAAA]", key: "" }));
    assert.equal((await ask(url, envelope, { also: many })).status, 400);
  }));

test("a body beyond the limit, a body that never ends and a head that never ends are cut off", () =>
  withDaemon(
    async (url, _, port) => {
      assert.equal((await post(url, "x".repeat(70_000))).status, 415);
      for (const head of [
        "POST /v1/decrypt HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nappid=",
        "POST /v1/decrypt HTTP/1.1\r\nHost: x\r\nX-Slow: ",
      ]) {
        const start = performance.now();
        await new Promise<void>((resolve) => {
          const socket = connect(port, "127.0.0.1", () => socket.write(head));
          socket.on("close", () => resolve()).on("error", () => {});
          socket.resume();
        });
        assert.ok(performance.now() - start < 20_000, "within its time limit");
      }
      assert.equal((await ask(url, envelope)).status, 200);
    },
    { limits: { bodyBytes: 65_536, headersMs: 300, requestMs: 600 } },
  ));

test("who is refused too often waits, and is not let in to ask Marathon meanwhile", () =>
  withDaemon(
    async (url) => {
      const wrong = requestBody("ENC[NACL,AAAA]", { taskId: "nobody" });
      const statuses = new Map<number, number>();
      for (let i = 0; i < 120; i++) {
        const { status } = await post(url, wrong.form);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        if (status === 429) break;
      }
      assert.equal(statuses.get(429), 1);
      const asked = upstream.asked.length;
      await post(url, wrong.form);
      assert.equal(upstream.asked.length, asked);
    },
    { limits: { refusedPerAddress: { perSecond: 0.1, burst: 20 } } },
  ));

test("a value that is not the app's, a key that is not its key, another's task: all refused, each with its line", () =>
  withDaemon(async (url, lines) => {
    assert.equal((await ask(url, sealed("another's"))).status, 401);
    assert.equal((await ask(url, envelope, { taskId: "shop_search.other" })).status, 500);
    const audits = lines.map((line) => JSON.parse(line)).filter(({ audit }) => audit !== undefined);
    assert.deepEqual(
      audits.map(({ audit }) => [audit.outcome, audit.code, audit.appId, audit.variable]),
      [
        ["denied", "unauthenticated", appId, "PW"],
        ["failed", "internal", appId, undefined],
      ],
    );
    assert.equal(audits[0].audit.taskId, taskId);
    assert.match(audits[0].audit.deploy, /^[0-9a-f]{16}$/);
    assert.match(audits[0].audit.envelope, /^[\w-]{43}$/);
    for (const line of lines) assert.doesNotMatch(line, /correct horse|hush-hush|another's/);
  }));

test("a deploy key of low order is refused", () =>
  withDaemon(async (url) => {
    upstream.serve(
      marathonCalls({ env: { PW: envelope, DEPLOY_PUBLIC_KEY: Buffer.alloc(32).toString("base64") } }),
    );
    assert.equal((await ask(url, envelope)).status, 400);
    assert.ok(deploy.publicKey.length === 32);
  }));
