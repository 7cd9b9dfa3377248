import assert from "node:assert/strict";
import { test } from "node:test";
import { cpuMs } from "../../test/waiting.ts";
import { findEnvelopes } from "../formats/secretary/recognise.ts";
import { variableBeside } from "./variable-beside.ts";

const E = "ENC[HPKE,AAAA]";

const cases: readonly (readonly [string, readonly string[]])[] = [
  [`PW=${E}`, ["PW"]],
  [`export PW='${E}'`, ["PW"]],
  [`A=1\nPW="x ${E}"`, ["PW"]],
  [`URL=amqp://guest:${E}@rabbit:5672/`, ["URL"]],
  [`OPTS=a=b,c=${E}`, ["OPTS"]],
  [`URL=${E}:${E}/${E}`, ["URL", "URL", "URL"]],
  [`pw: ${E}`, ["pw"]],
  [`  db.password: "${E}"  # note`, ["db.password"]],
  [`url: amqp://guest:${E}@h`, ["url"]],
  [`list: a, b, ${E}`, ["list"]],
  [`{"env": {"A": "x", "PW": "${E}", "B":"${E}"}}`, ["PW", "B"]],
  [`{A: 1, B: ${E}}`, ["B"]],
  [`environment: ["A=${E}", 'B=${E}']`, ["A", "B"]],
  [`  environment:\n    - A=${E}\n    - "B=${E}"`, ["A", "B"]],
  [`- name: PW\n  value: ${E}`, ["PW"]],
  [`- value: ${E}\n  name: PW`, ["PW"]],
  [`- name: OTHER\n- value: ${E}\n- name: NEXT`, ["value"]],
  [`{"name": "PW", "value": "${E}"}, {"value": "${E}", "name": "B"}`, ["PW", "B"]],
  [`{\n  "name": "PW",\n  "value": "${E}"\n},\n{\n  "value": "${E}",\n  "name": "B"\n}`, ["PW", "B"]],
  [`PW: |\n  ${E}\n  more\n  ${E}`, ["PW", "PW"]],
  [`  PW: >-  # folded\n\n      ${E}`, ["PW"]],
  [`"PW":"${E}"`, ["PW"]],
  ["ENC[HPKE,AA\nAA]", [""]],
  [`text with ${E} in it`, [""]],
  [`see http://x/${E}`, [""]],
  [`run --password ${E}`, [""]],
];

for (const [text, names] of cases)
  test(`in ${JSON.stringify(text)} the values belong to ${names.join(", ") || "nothing"}`, () => {
    assert.deepEqual(
      findEnvelopes(text).map((found) => variableBeside(text, found)),
      names,
    );
  });

test("a long text costs no more than its neighbourhood", () => {
  const text = `${"a: b, ".repeat(200_000)}PW: ${E}`;
  const started = cpuMs();
  for (const found of findEnvelopes(text)) assert.equal(variableBeside(text, found), "PW");
  assert.ok(cpuMs() - started < 2000);
});
