import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";
import { drawing } from "./drawing.ts";
import { floors, partitioned, reserved } from "./floors.ts";

const root = join(import.meta.dirname, "../..");
const src = join(root, "src");

const sources = readdirSync(src, { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".ts"))
  .sort();
const product = sources.filter((path) => !path.endsWith(".test.ts"));

const floorOf = new Map(floors.flatMap((rooms, floor) => rooms.map((room) => [room.name, floor] as const)));
const roomOf = (path: string): string => path.split("/")[0] ?? "";

/** Static imports, re-exports and dynamic imports, as written. */
function importsOf(path: string): string[] {
  const text = readFileSync(join(src, path), "utf8");
  return [...text.matchAll(/\b(?:from|import)\s*\(?\s*"([^"]+)"/g)].map((match) => match[1] ?? "");
}

/** The file that an import names, from src/; null for packages and the runtime. */
function target(path: string, specifier: string): string | null {
  return specifier.startsWith(".") ? relative(src, join(src, dirname(path), specifier)) : null;
}

function mayImport(from: string, to: string): boolean {
  const [a, b] = [roomOf(from), roomOf(to)];
  if (a !== b) return (floorOf.get(b) ?? Number.POSITIVE_INFINITY) < (floorOf.get(a) ?? -1);
  if (!partitioned.includes(a)) return true;
  const [ours, theirs] = [from.split("/"), to.split("/")];
  return ours.length === 2 || theirs.length === 2 || ours[1] === theirs[1];
}

test("every source file stands in a room of the house", () => {
  assert.deepEqual(
    sources.filter((path) => !floorOf.has(roomOf(path))),
    [],
  );
});

test("imports run downwards, and neighbours leave each other alone", () => {
  const wrong = product.flatMap((path) =>
    importsOf(path)
      .map((specifier) => target(path, specifier))
      .filter((to) => to !== null && !mayImport(path, to))
      .map((to) => `${path} imports ${to}`),
  );
  assert.deepEqual(wrong, []);
});

test("the rule refuses what it should", () => {
  assert.equal(mayImport("base/bytes.ts", "crypto/aead.ts"), false);
  assert.equal(mayImport("keyring/keyring.ts", "fleet/fleet.ts"), false);
  assert.equal(mayImport("formats/sealed/sealed.ts", "formats/openssh/openssh.ts"), false);
  assert.equal(mayImport("cli/main.ts", "server/server.ts"), true);
});

test("no circle of imports inside a room", () => {
  const state = new Map<string, "open" | "done">();
  const circles: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    if (state.get(path) === "done") return;
    if (state.get(path) === "open") {
      circles.push([...trail.slice(trail.indexOf(path)), path].join(" → "));
      return;
    }
    state.set(path, "open");
    for (const [, keyword, specifier] of readFileSync(join(src, path), "utf8").matchAll(
      /^(import|export)\s+(?!type\b)[^;]*?from\s+"(\.[^"]+)"/gms,
    )) {
      if (keyword === undefined || specifier === undefined) continue;
      const to = target(path, specifier);
      if (to !== null && product.includes(to)) visit(to, [...trail, path]);
    }
    state.set(path, "done");
  };
  for (const path of product) visit(path, []);
  assert.deepEqual(circles, []);
});

/** What a file needs when it runs: types cost and reach nothing. */
function runtimeImportsOf(path: string): string[] {
  const text = readFileSync(join(src, path), "utf8").replace(/^(?:import|export) type\b[^;]*;/gms, "");
  return [...text.matchAll(/\b(?:from|import)\s*\(?\s*"([^"]+)"/g)].map((match) => match[1] ?? "");
}

test("programs, sockets and files are touched only by the rooms that may", () => {
  const wrong = product.flatMap((path) =>
    runtimeImportsOf(path)
      .filter((specifier) => reserved[specifier] !== undefined && !reserved[specifier].includes(roomOf(path)))
      .map((specifier) => `${path} imports ${specifier}`),
  );
  assert.deepEqual(wrong, []);
});

test("no shell is ever invoked", () => {
  const wrong = product.filter((path) =>
    /\bexecSync\b|\bexec\(|shell:\s*true|"\/bin\/(?:ba)?sh"/.test(
      readFileSync(join(src, path), "utf8").replace(/\.exec\(/g, ""),
    ),
  );
  assert.deepEqual(wrong, []);
});

test("only the command line reads the environment, and what refuses a debugger", () => {
  const may = (path: string): boolean =>
    ["command", "cli"].includes(roomOf(path)) || path === "base/hardening.ts";
  const wrong = product.filter(
    (path) => !may(path) && /process\.env\b/.test(readFileSync(join(src, path), "utf8")),
  );
  assert.deepEqual(wrong, []);
});

test("the file that speaks for a folder bears its name", () => {
  const spoken = floors.flat().filter((room) => existsSync(join(src, room.name)));
  const collections = ["base", "crypto", "model", "formats", "adapters"];
  const typed = ["machine", "chef", "configuration", "cli"];
  const missing = spoken.filter(
    ({ name }) => ![...collections, ...typed].includes(name) && !existsSync(join(src, name, `${name}.ts`)),
  );
  assert.deepEqual(
    missing.map((room) => room.name),
    [],
  );
});

test("no file is longer than 400 lines", () => {
  const long = product.filter((path) => readFileSync(join(src, path), "utf8").split("\n").length > 400);
  assert.deepEqual(long, []);
});

test("each format has its page", () => {
  const formats = readdirSync(join(src, "formats"), { withFileTypes: true }).filter((entry) =>
    entry.isDirectory(),
  );
  const missing = formats.filter((entry) => !existsSync(join(root, "docs/formats", `${entry.name}.md`)));
  assert.deepEqual(
    missing.map((entry) => entry.name),
    [],
  );
});

test("the drawing in docs/architecture.md is made of the rule", () => {
  const page = readFileSync(join(root, "docs/architecture.md"), "utf8");
  assert.ok(page.includes(drawing()), `put this into docs/architecture.md:\n\n${drawing()}`);
});
