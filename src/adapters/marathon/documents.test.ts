import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "../../../test/vectors/secretary/load.ts";
import { utf8 } from "../../base/bytes.ts";
import { isKeywardError } from "../../base/errors.ts";
import { parseApp, parseVersion } from "./documents.ts";

const [app, version] = load("daemon-exchanges").cases[0].exchanges[0].upstream.map(
  (call: { response: { body: string } }) => call.response.body,
);

test("a recorded app has its id and its tasks", () => {
  const { id, tasks } = parseApp(utf8(app));
  assert.equal(id, "/shop/search");
  assert.deepEqual(tasks[1], {
    id: "shop_search.0f810e10-dadc-11ee-9a4c-7e0f6f6f3b21",
    version: "2024-03-05T10:11:12.134Z",
    state: "TASK_RUNNING",
  });
});

test("a recorded version has its environment", () => {
  const parsed = parseVersion(utf8(version));
  assert.equal(parsed.version, "2024-03-05T10:11:12.134Z");
  assert.equal(parsed.env.get("NOT_SECRET"), "plain value");
});

test("names count in any case, as in Go, and the exact one first", () => {
  assert.deepEqual(parseApp(utf8('{"APP":{"Id":"/a","TASKS":[{"ID":"t"}]}}')), {
    id: "/a",
    tasks: [{ id: "t", version: "", state: "" }],
  });
  assert.equal(parseVersion(utf8('{"ID":"/a","id":"/b"}')).id, "/b");
});

test("values of the environment that are no text are left out", () => {
  const { env } = parseVersion(utf8('{"id":"/a","env":{"A":"1","B":{"secret":"x"},"C":2,"D":null}}'));
  assert.deepEqual([...env], [["A", "1"]]);
});

test("every truncation, and what is of another kind, is refused or has nothing", () => {
  for (let at = 0; at < app.length; at += 7)
    assert.throws(
      () => parseApp(utf8(app.slice(0, at))),
      (error) => isKeywardError(error, "malformed"),
    );
  for (const text of ["null", "[]", "1", '"x"', "{}", '{"app":[]}', '{"app":{"id":1,"tasks":null}}'])
    assert.deepEqual(parseApp(utf8(text)), { id: "", tasks: [] }, text);
  for (const text of ['{"app":{"tasks":{}}}', '{"app":{"tasks":"x"}}'])
    assert.throws(
      () => parseApp(utf8(text)),
      (error) => isKeywardError(error, "malformed"),
      text,
    );
  for (const text of ['{"env":[]}', '{"env":"x"}'])
    assert.throws(
      () => parseVersion(utf8(text)),
      (error) => isKeywardError(error, "malformed"),
      text,
    );
  assert.throws(
    () => parseApp(utf8("[".repeat(100))),
    (error) => isKeywardError(error, "too-large"),
  );
});
