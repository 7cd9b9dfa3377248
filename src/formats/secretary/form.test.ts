import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { bodyOf, load } from "../../../test/vectors/secretary/load.ts";
import { isKeywardError } from "../../base/errors.ts";
import { decodeForm, encodeForm } from "./form.ts";
import { EPOCH, parseInstant } from "./instant.ts";

interface Exchange {
  readonly request: { readonly raw_b64: string; readonly form?: Record<string, string> };
}

test("every recorded form is read, and written as Go writes it", () => {
  const exchanges = load("daemon-exchanges").cases.flatMap(
    (one: { exchanges: readonly Exchange[] }) => one.exchanges,
  ) as readonly Exchange[];
  assert.ok(exchanges.length > 25);
  for (const { request } of exchanges) {
    const body = bodyOf(request.raw_b64);
    const { appId, appVersion, envelope, taskId } = decodeForm(body);
    const form = { appid: appId, appversion: appVersion, envelope, taskid: taskId };
    assert.deepEqual(form, request.form ?? form);
    assert.equal(encodeForm({ appId, appVersion, envelope, taskId }), body);
  }
});

test("any text comes back", () => {
  const text = fc.string({ unit: "binary" });
  fc.assert(
    fc.property(text, text, (appId, taskId) => {
      const form = { appId, appVersion: "a !'()*~+%&=;é", envelope: "", taskId };
      assert.deepEqual(decodeForm(encodeForm(form)), form);
    }),
  );
});

test("other fields are ignored, missing ones are empty, the order does not matter", () => {
  const empty = { appId: "", appVersion: "", envelope: "", taskId: "" };
  assert.deepEqual(decodeForm(""), empty);
  assert.deepEqual(decodeForm("&x&taskid=t+1&&y=%41&appid=%2Fa"), { ...empty, appId: "/a", taskId: "t 1" });
});

test("what cannot be read is refused, with what the original refuses", () => {
  const recorded = load("daemon-errors").cases as { name: string; request: { body: string } }[];
  const bodies = recorded
    .filter(({ name }) => name === "malformed-percent-escape" || name === "semicolon-separator")
    .map(({ request }) => request.body);
  assert.equal(bodies.length, 2);
  for (const body of [...bodies, "a=%", "a=%4", "a=%zz", "a=%ff", "appid=1&appid=2", "a=1;b=2"])
    assert.throws(
      () => decodeForm(body),
      (error) => isKeywardError(error, "malformed"),
      body,
    );
  assert.throws(
    () => decodeForm("x&".repeat(100)),
    (error) => isKeywardError(error, "too-large"),
  );
});

for (const one of load("daemon-errors").appVersionSyntax as readonly {
  value: string;
  validRfc3339: boolean;
  treatedAs: string;
}[]) {
  test(`app version ${JSON.stringify(one.value)}: ${one.treatedAs}`, () => {
    const instant = parseInstant(one.value);
    assert.equal(instant !== null, one.validRfc3339);
    assert.equal(instant === EPOCH, one.treatedAs === "mesos task");
  });
}

test("versions are compared as instants, to the nanosecond", () => {
  const same = ["2024-03-05T10:11:12.13Z", "2024-03-05T10:11:12.130Z", "2024-03-05T11:11:12,13+01:00"];
  const instants = same.map(parseInstant);
  assert.deepEqual(instants, [1709633472130000000n, 1709633472130000000n, 1709633472130000000n]);
  assert.notEqual(parseInstant("2024-03-05T10:11:12.130000001Z"), instants[0]);
  assert.equal(parseInstant("0001-01-01T00:00:00Z"), -62135596800000000000n);
  assert.equal(parseInstant("1969-12-31T23:59:59.5Z"), -500000000n);
  assert.equal(parseInstant("1970-01-02T00:00:00+24:00"), 0n);
});
