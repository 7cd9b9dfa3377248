/** What knife and chef-vault's plugin were recorded to print, against a real Chef server: ours prints the same. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { systemClock } from "../../src/base/time.ts";
import { knife } from "../../src/chef/knife/knife.ts";
import type { World } from "../../src/command/world.ts";
import { chefNode, type Goiardi, startGoiardi } from "./goiardi.ts";

interface Step {
  readonly argv: readonly string[];
  readonly stdin?: string;
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly usage?: true;
}
interface Recorded {
  readonly files: Readonly<Record<string, string>>;
  readonly clients: readonly string[];
  readonly nodes: readonly { readonly name: string }[];
  readonly steps: readonly Step[];
}
const recorded: Recorded = JSON.parse(
  readFileSync(new URL("../vectors/chef/knife.json", import.meta.url), "utf8"),
);

/** Where ours says something else on standard error, by how its first line begins; docs/knife.md says why. */
const otherwise: readonly (readonly [argv: RegExp, stderr: RegExp])[] = [
  [/^data bag from file keymaster broken/, /^ERROR: FFI_Yajl::ParseError: parse error: /],
  [/^data bag edit .* false$/, /^ERROR: RuntimeError: /],
  [/^data bag edit .*break/, /^ERROR: Chef::Exceptions::JSON::ParseError: /],
  [/^(?:data bag )?bogus$/, /^FATAL: Cannot find subcommand for: '(?:data bag )?bogus'/],
  [/^search node name:\[|^search nobag/, /^ERROR: knife search failed: /],
  [/ghost/, /^(?:WARN: client "ghost"|ERROR: ChefVault::Exceptions::AdminNotFound: )/],
  [/name:nobody/, /^WARN: the search found no node/],
  // Who is found again is not said to be deleted.
  [/--clean -S/, /^Deleting db1\nDeleting web2\n$/],
];
/** Objects of Ruby, which nobody else can read, are lists and texts here. */
const rubyObjects = /!ruby\/object/;

let goiardi: Goiardi;
const folder = mkdtempSync(path.join(tmpdir(), "keyward-knife-"));

before(async () => {
  goiardi = await startGoiardi();
  for (const [name, content] of Object.entries(recorded.files))
    writeFileSync(path.join(folder, name), content, { mode: name.endsWith(".sh") ? 0o700 : 0o600 });
  for (const name of recorded.clients) {
    const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const public_key = publicKey.export({ type: "spki", format: "pem" }).toString();
    await goiardi.ask("POST", "/clients", { name, public_key, admin: false });
  }
  for (const node of recorded.nodes) await goiardi.ask("POST", "/nodes", chefNode(node.name, node));
});
after(async () => {
  rmSync(folder, { recursive: true, force: true });
  await goiardi.stop();
});

async function type({ argv, stdin = "" }: Step): Promise<{ status: number; stdout: string; stderr: string }> {
  const written = { stdout: "", stderr: "" };
  const sink = (name: "stdout" | "stderr") => ({
    write: (chunk: string | Uint8Array) => {
      written[name] += Buffer.from(chunk).toString("utf8");
    },
  });
  const world: World = {
    stdout: sink("stdout"),
    stderr: sink("stderr"),
    clock: systemClock,
    interrupted: new AbortController().signal,
    askSecret: () => assert.fail("asked"),
    connect: () => assert.fail("connected"),
    env: { PATH: process.env.PATH, HOME: folder },
    home: folder,
    cwd: folder,
    stdin: (async function* () {
      yield Buffer.from(stdin);
    })(),
  };
  const words = [...argv, "-s", goiardi.url, "-u", goiardi.user, "-k", goiardi.keyFile];
  const status = await knife(words, world);
  const clean = (text: string): string =>
    text.replaceAll(goiardi.url, "{url}").replaceAll(goiardi.keyFile, "{key}");
  return { status, stdout: clean(written.stdout), stderr: clean(written.stderr) };
}

/** goiardi answers a search in no order. */
function lines(step: Step, text: string): string {
  if (step.usage) return (text.split("\n")[0] ?? "").replace(" VALUES", "");
  if (!/web\*|tags:web|-p/.test(step.argv.join(" "))) return text;
  return text
    .split("\n")
    .map((line) => line.replace(/,$/, ""))
    .sort()
    .join("\n");
}

/** What a server answered is its own matter, and our hints are ours. */
function said(text: string): string {
  const [first = "", ...rest] = text.split("\n");
  const kept = rest.filter((line) => !/^Response|^(?:the item is as it was|run: |make one: )/.test(line));
  return [first, ...kept].join("\n");
}

test("each recorded command prints the same, and ends with the same status", {
  timeout: 240_000,
}, async () => {
  for (const step of recorded.steps) {
    const what = step.argv.join(" ");
    const { status, stdout, stderr } = await type(step);
    assert.equal(status, step.status, `${what}: ${stderr}`);
    if (!rubyObjects.test(step.stdout)) assert.equal(lines(step, stdout), lines(step, step.stdout), what);
    const other = otherwise.find(([argv]) => argv.test(what));
    if (other === undefined) assert.equal(said(stderr), said(step.stderr), what);
    else assert.match(stderr, other[1], what);
  }
});
