import assert from "node:assert/strict";
import { test } from "node:test";
import { findCommand, PFlagError, type PFlags, PHelp, parsePFlags } from "./pflag.ts";

const flags = {
  url: { type: "string", short: "s", help: "" },
  "private-key": { type: "string", sets: "key", help: "" },
  key: { type: "string", help: "" },
  env: { type: "boolean", short: "e", help: "" },
  wrap: { type: "boolean", short: "w", help: "" },
  port: { type: "int", short: "p", help: "" },
} as const satisfies PFlags;

/** What was set, as text, and the words. */
function read(line: string): string {
  const typed = parsePFlags(line.split(" "), flags);
  const set = ["url", "key", "port"].flatMap((name) =>
    typed.has(name) ? [`${name}=${typed.text(name)}`] : [],
  );
  const on = ["env", "wrap"].filter(typed.on);
  return [...set, ...on, ...typed.words.map((word) => `<${word}>`)].join(" ");
}

// The right-hand sides are what github.com/spf13/pflag 1.0 makes of the left ones.
const readings: Readonly<Record<string, string>> = {
  "--url x": "url=x",
  "--url=x=y": "url=x=y",
  "--url=": "url=",
  "--url -e": "url=-e",
  "-s x": "url=x",
  "-sx": "url=x",
  "-s=x": "url=x",
  "-s=": "url==",
  "-s==": "url==",
  "-e": "env",
  "-e=false": "",
  "-e=1": "env",
  "-e false": "env <false>",
  "-ew": "env wrap",
  "-wesx": "url=x env wrap",
  "-es x": "url=x env",
  "-e=true -e=false": "",
  "--key a --private-key b": "key=b",
  "--private-key b --key=a": "key=a",
  "a --url x b -e c": "url=x env <a> <b> <c>",
  "-e -- --url x": "env <--url> <x>",
  "- -e": "env <->",
  "-p 5070": "port=5070",
  "-p0x10": "port=16",
  "--port=-1": "port=-1",
  "--help=false -e": "env",
};
for (const [line, want] of Object.entries(readings))
  test(`${line} sets ${want === "" ? "nothing" : want}`, () => assert.equal(read(line), want));

const refusals: Readonly<Record<string, string>> = {
  "--bogus": "unknown flag: --bogus",
  "--bogus=1": "unknown flag: --bogus",
  "--=1": "bad flag syntax: --=1",
  "---e": "bad flag syntax: ---e",
  "-ex": "unknown shorthand flag: 'x' in -x",
  "-xe": "unknown shorthand flag: 'x' in -xe",
  "-e=": "unknown shorthand flag: '=' in -=",
  "-es": "flag needs an argument: 's' in -s",
  "--url": "flag needs an argument: --url",
  "-e=no": 'invalid argument "no" for "-e, --env" flag: strconv.ParseBool: parsing "no": invalid syntax',
  "-p x": 'invalid argument "x" for "-p, --port" flag: strconv.ParseInt: parsing "x": invalid syntax',
};
for (const [line, message] of Object.entries(refusals))
  test(`${line} is refused: ${message}`, () =>
    assert.throws(
      () => read(line),
      (error) => error instanceof PFlagError && error.message === message,
    ));

test("help is asked for by --help, -h and among other flags, unless something before it is wrong", () => {
  for (const line of ["--help", "-h", "-eh", "-e --help", "--help=true"])
    assert.throws(() => read(line), PHelp, line);
  assert.throws(() => read("--bogus --help"), PFlagError);
});

// As github.com/spf13/cobra 1.10 finds it.
const found: Readonly<Record<string, string>> = {
  decrypt: "decrypt:",
  "decrypt -e": "decrypt: -e",
  "--url x decrypt -e": "decrypt: --url x -e",
  "--url=x decrypt": "decrypt: --url=x",
  "-s x decrypt y": "decrypt: -s x y",
  "-e=true decrypt": "decrypt: -e=true",
  "-e decrypt": "none: -e decrypt",
  "--help decrypt": "none: --help decrypt",
  "-- decrypt": "none: -- decrypt",
  "bogus decrypt": "bogus: decrypt",
};
for (const [line, want] of Object.entries(found))
  test(`in ${line} the command is ${want.split(":")[0]}`, () => {
    const { name = "none", rest } = findCommand(line.split(" "));
    assert.equal([`${name}:`, ...rest].join(" "), want);
  });
