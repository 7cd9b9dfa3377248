/** Mesos tasks: which envelope each may have opened, and a leader that moves. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { toBase64 } from "../../src/base/bytes.ts";
import { formatAllowedHashes } from "../../src/formats/secretary/allowed.ts";
import { startRecordedDaemon } from "./daemon.ts";
import { ask, config, deploy, master, mesosCalls, sealed } from "./deployment.ts";
import { startUpstream } from "./upstream.ts";

const [mine, other] = [sealed("mine"), sealed("other")];
const keys = { DEPLOY_PUBLIC_KEY: toBase64(deploy.publicKey) };
const named = { ...keys, ALLOWED_SECRETS_VARS: "PW, TOKEN" };
const hashed = {
  ...named,
  ALLOWED_SECRETS_HASHES: formatAllowedHashes(
    new Map([
      ["PW", [mine]],
      ["TOKEN", [other]],
    ]),
  ),
};
const tasks = [
  { id: "named", labels: named },
  { id: "hashed", labels: hashed },
  { id: "broken", labels: { ...named, ALLOWED_SECRETS_HASHES: "PW" } },
  ...["TASK_KILLED", "TASK_FINISHED", "TASK_ERROR", "TASK_UNREACHABLE", ""].map((state) => ({
    id: `s${state}`,
    state,
    labels: hashed,
  })),
  { id: "starting", state: "TASK_STARTING", labels: hashed },
];
const upstream = await startUpstream(mesosCalls(tasks));
after(() => upstream.close());

async function withDaemon(strict: boolean, work: (url: string) => Promise<void>): Promise<void> {
  const daemon = await startRecordedDaemon(upstream.url, {
    masters: [master.privateKey],
    configs: [config.publicKey],
    strict,
  });
  try {
    await work(`http://127.0.0.1:${daemon.port}`);
  } finally {
    await daemon.stop();
  }
}

const of = (taskId: string, key: string) => ({ appId: "", appVersion: "", taskId, key });

test("where the labels name the envelopes, a task opens those and no others, each under its own variable", () =>
  withDaemon(false, async (url) => {
    assert.equal((await ask(url, mine, of("hashed", "PW"))).value, "mine");
    assert.equal((await ask(url, other, of("hashed", "TOKEN"))).value, "other");
    assert.equal((await ask(url, other, of("hashed", "PW"))).status, 401, "the recorded weakness");
    assert.equal((await ask(url, mine, of("hashed", "TOKEN"))).status, 401);
    assert.equal((await ask(url, sealed("new"), of("hashed", "PW"))).status, 401);
    assert.equal(
      (await ask(url, mine, of("broken", "PW"))).status,
      500,
      "a label that cannot be read allows nothing",
    );
  }));

test("without that label any envelope opens under an allowed name, as in the original; strictly, none does", async () => {
  await withDaemon(false, async (url) => {
    assert.equal((await ask(url, other, of("named", "PW"))).status, 200);
    assert.equal((await ask(url, other, of("named", "NOPE"))).status, 401);
    assert.equal((await ask(url, other, of("named", ""))).status, 401);
  });
  await withDaemon(true, async (url) => {
    assert.equal((await ask(url, mine, of("named", "PW"))).status, 401);
    assert.equal((await ask(url, mine, of("hashed", "PW"))).status, 200);
  });
});

test("a task that does not run is nobody, one that starts is somebody", () =>
  withDaemon(false, async (url) => {
    for (const { id } of tasks.slice(3, 7))
      assert.equal((await ask(url, mine, of(id, "PW"))).status, 500, id);
    assert.equal((await ask(url, mine, of("starting", "PW"))).status, 200);
  }));

test("a master that does not lead is followed to the leader once, and never to another service", () =>
  withDaemon(false, async (url) => {
    const locations: readonly (readonly [string, number])[] = [
      ["/leader/api/v1", 200],
      [`${upstream.url}/leader/api/v1`, 200],
      ["/api/v1", 500],
      ["/leader/api/v1?x=1", 500],
      ["/elsewhere", 500],
      ["https://127.0.0.1:1/api/v1", 500],
      ["http://user:password@127.0.0.1:1/api/v1", 500],
      ["file:///etc/passwd", 500],
      ["\u0000", 500],
    ];
    for (const [location, status] of locations) {
      upstream.answer = (request, response) => {
        if (request.url === "/leader/api/v1") {
          response.writeHead(200).end(mesosCalls(tasks)[0]?.response?.body);
          return true;
        }
        if (request.url !== "/api/v1") return false;
        response.writeHead(307, { location: location.replace("\u0000", "") }).end("hush-hush");
        return true;
      };
      await new Promise((resolve) => setTimeout(resolve, status === 200 ? 0 : 1010));
      const answer = await ask(url, mine, of("hashed", "PW"));
      assert.equal(answer.status, status, location);
      assert.doesNotMatch(answer.text ?? "", /hush-hush/);
    }
    upstream.answer = null;
  }));
