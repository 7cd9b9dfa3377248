import assert from "node:assert/strict";
import { test } from "node:test";
import type { VolumeName } from "../model/volume.ts";
import { editTable, fieldsOf, type TableWant } from "./table.ts";

const name = "data" as VolumeName;
const line = "data /dev/vdb none luks";
const want: TableWant = {
  path: "/etc/crypttab",
  name,
  line,
  known: line,
  isFor: ([first]) => first === name,
  force: false,
};
const put = (before: string | null, more: Partial<TableWant> = {}) => editTable(before, { ...want, ...more });
const after = (before: string | null, more: Partial<TableWant> = {}): string => put(before, more).after;

const others = [
  "",
  "# comment\n\n  # keyward is fine\nswap /dev/sda2 /dev/urandom swap\n",
  "datax /dev/vdc none luks\r\n\t\n\xff\xfe bytes\n#data /dev/vdb none luks\n",
];

test("a line is put in once, and every other byte stays", () => {
  for (const before of others) {
    const one = after(before);
    assert.ok(one.startsWith(before));
    assert.match(
      one.slice(before.length),
      /^# keyward disk units data [0-9a-f]{16}\ndata \/dev\/vdb none luks\n$/,
    );
    const again = put(one);
    assert.deepEqual([again.after, again.hunks, again.conflicts], [one, [], []]);
    assert.equal(after(one, { line: null }), before);
  }
  assert.equal(after("no end of line"), after("no end of line\n"));
  assert.equal(after(null), after(""));
});

test("another line of ours takes the place of the one before, where it was", () => {
  const before = `${after("first\n")}last\n`;
  const next = put(before, { line: "data /dev/vdc none luks" });
  assert.match(
    next.after,
    /^first\n# keyward disk units data [0-9a-f]{16}\ndata \/dev\/vdc none luks\nlast\n$/,
  );
  assert.equal(next.hunks.length, 1);
  assert.equal(next.hunks[0]?.line, 2);
});

test("a line of somebody else is a conflict that names it, unless it is meant", () => {
  const foreign = "x y\ndata /dev/sdz none luks\nz\n";
  const { conflicts, after: untouched } = put(foreign);
  assert.deepEqual(
    conflicts.map(({ path, line }) => [path, line]),
    [["/etc/crypttab", 2]],
  );
  assert.equal(untouched, foreign);
  assert.match(after(foreign, { force: true }), /^x y\n# keyward.*\ndata \/dev\/vdb none luks\nz\n$/);
  assert.equal(put(foreign, { line: null }).conflicts.length, 1);
});

test("a line of ours that was changed by hand is a conflict, and the line after a mark that lost its own is nobody's", () => {
  const changed = after("x\n").replace("none luks", "none luks,discard");
  assert.deepEqual(
    put(changed).conflicts.map(({ line, says }) => [line, says]),
    [[3, "data was changed by hand"]],
  );
  assert.equal(after(changed, { force: true }), after("x\n"));
  const lost = after("x\n").replace(`${line}\n`, "other /dev/sdq none luks\n");
  assert.match(after(lost), /^x\n# keyward.*\ndata \/dev\/vdb none luks\nother \/dev\/sdq none luks\n$/);
  assert.equal(after(lost, { line: null }), "x\nother /dev/sdq none luks\n");
});

test("the same line without a mark is as good, and goes with the rest", () => {
  const bare = `x\n${line}\ny\n`;
  assert.equal(after(bare), bare);
  assert.equal(after(bare, { line: null }), "x\ny\n");
});

test("two lines of ours become one", () => {
  const twice = after("") + after("");
  assert.equal(after(twice), after(""));
  assert.equal(after(twice, { line: null }), "");
});

test("fields are read as fstab(5) has them", () => {
  assert.deepEqual(fieldsOf("  /dev/sda\t/srv/my\\040data ext4 a,b 0 2 "), [
    "/dev/sda",
    "/srv/my data",
    "ext4",
    "a,b",
    "0",
    "2",
  ]);
  assert.deepEqual(fieldsOf("# a b"), []);
  assert.deepEqual(fieldsOf(""), []);
});

test("whatever a table holds, what is put in and taken out again leaves it as it was", () => {
  let state = 1;
  const next = (limit: number): number => {
    state = (state * 48271) % 2147483647;
    return state % limit;
  };
  const pieces = [
    "data",
    " ",
    "\t",
    "\n",
    "#",
    " keyward disk units data ",
    "0123456789abcdef",
    "\\040",
    "\xe9",
    "x",
  ];
  for (let round = 0; round < 2000; round++) {
    const text = Array.from({ length: next(30) }, () => pieces[next(pieces.length)]).join("");
    const before = text === "" || text.endsWith("\n") ? text : `${text}\n`;
    const edited = put(before);
    if (edited.conflicts.length > 0) assert.equal(edited.after, before);
    else assert.equal(after(edited.after), edited.after);
    const forced = after(before, { force: true });
    assert.equal(forced.split("\n").filter((one) => one === line).length, 1);
    const kept = before
      .split("\n")
      .filter((one) => !/^\s*data(?:\s|$)/.test(one) && !one.includes("keyward"));
    const left = after(forced, { line: null, force: true });
    assert.deepEqual(
      left.split("\n").filter((one) => !one.includes("keyward")),
      kept,
      JSON.stringify(before),
    );
  }
});
