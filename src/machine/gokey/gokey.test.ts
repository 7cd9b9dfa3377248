import assert from "node:assert/strict";
import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { KeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import { systemClock } from "../../base/time.ts";
import { GoFlagError, parseGoFlags } from "../../command/go-flags.ts";
import type { World } from "../../command/world.ts";
import { kinds } from "../../derive/gokey/gokey.ts";
import { trimPassword } from "../../derive/gokey/password-file.ts";
import { gokey } from "./gokey.ts";

const vectors = join(import.meta.dirname, "../../../test/vectors/gokey");
const load = (name: string) => JSON.parse(readFileSync(join(vectors, name), "utf8"));
const folders: string[] = [];
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

interface Ran {
  exit: number;
  stdout: Buffer;
  stderr: string;
  folder: string;
}

interface Around {
  /** Names of links, and what they lead to. */
  readonly links?: Readonly<Record<string, string>>;
  readonly files?: Readonly<Record<string, Uint8Array>>;
}

/**
 * @param typed - What is typed at the prompts; absent: there is no terminal.
 * @param around - What lies there besides the files of the vectors.
 */
async function run(
  args: readonly string[],
  env: Record<string, string> = {},
  typed?: string[],
  { links = {}, files = {} }: Around = {},
): Promise<Ran> {
  const folder = mkdtempSync(join(tmpdir(), "gokey-"));
  folders.push(folder);
  for (const [name, content] of Object.entries(load("cli.json").files_base64 as Record<string, string>)) {
    writeFileSync(join(folder, name), Buffer.from(content, "base64"));
  }
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  for (const [name, target] of Object.entries(links)) symlinkSync(target, join(folder, name));
  const out: Uint8Array[] = [];
  let stderr = "";
  const world = {
    env,
    cwd: folder,
    clock: systemClock,
    stdin: { isTTY: typed !== undefined },
    stdout: { write: (chunk: Uint8Array) => out.push(Buffer.from(chunk)) },
    stderr: { write: (chunk: string) => (stderr += chunk) },
    askSecret: async (question: string) => {
      stderr += question;
      if (typed === undefined) throw new KeywardError("usage", "no terminal");
      return Secret.fromText(typed.shift() ?? assert.fail("asked once too often"));
    },
  } as unknown as World;
  const exit = await gokey(args, world);
  return { exit, stdout: Buffer.concat(out), stderr, folder };
}

/** Where ours differs from the original, and what it does instead: docs/formats/gokey.md. */
const repaired: Readonly<Record<string, (ran: Ran) => void>> = {
  // A seed of fewer than 12 bytes is refused, not a crash.
  "cli-27": ({ exit, stderr }) => {
    assert.equal(exit, 1);
    assert.match(stderr, /11 bytes/);
  },
  // 12 to 27 bytes are too few as well, and it says so.
  "cli-28": ({ exit, stderr }) => {
    assert.equal(exit, 1);
    assert.match(stderr, /16 bytes/);
  },
  // A refusal leaves the output file as it was.
  "cli-33": ({ exit, folder }) => {
    assert.equal(exit, 1);
    assert.equal(statSync(join(folder, "seed.bin")).size, 256);
  },
  "cli-34": ({ exit, folder }) => {
    assert.equal(exit, 1);
    assert.equal(statSync(join(folder, "pw.txt")).size, 8);
  },
  // The seed is not its own output file, and no seed is overwritten.
  "cli-35": ({ exit, stderr, folder }) => {
    assert.equal(exit, 1);
    assert.match(stderr, /is the seed file/);
    assert.equal(statSync(join(folder, "seed.bin")).size, 256);
  },
  "cli-38": ({ exit, stderr, folder }) => {
    assert.equal(exit, 1);
    assert.match(stderr, /open seed.bin: file exists/);
    assert.deepEqual(
      readFileSync(join(folder, "seed.bin")).toString("base64"),
      load("cli.json").files_base64["seed.bin"],
    );
  },
};

for (const one of load("cli.json").cases) {
  test(`gokey ${one.args.join(" ")}${one.note ? `: ${one.note}` : ""}`, async () => {
    const usesSeed = one.args.some((arg: string) => arg.startsWith("-s="));
    const ran = await run(usesSeed ? ["-derivation=0.1", ...one.args] : one.args, one.env);
    const repair = repaired[one.id];
    if (repair !== undefined) return repair(ran);
    const want = one.result_c218168 ?? one.result;
    const [first = ""] = ran.stderr.replace(/\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d /, "").split("\n");
    assert.equal(first, want.stderr_first_line);
    assert.equal(ran.exit, want.exit);
    assert.equal(ran.stderr.includes("-realm") || ran.stderr.includes("  -r string"), want.flag_help_follows);
    if (want.stdout === "(256 random bytes)") assert.equal(ran.stdout.length, 256);
    else assert.equal(ran.stdout.toString(), want.stdout);
    for (const [name, size] of Object.entries(want.files_after ?? {})) {
      const file = statSync(join(ran.folder, name));
      assert.equal(file.size, size);
      assert.equal(file.mode & 0o777, 0o600);
    }
  });
}

interface Vector {
  readonly id: string;
  readonly type: string;
  readonly password: string;
  readonly realm: string;
  readonly seed_base64: string | null;
  readonly skip: number;
  readonly length: number | null;
  readonly unsafe: boolean;
  readonly stdout_encoding: BufferEncoding;
  readonly stdout: Readonly<Record<"0.1" | "0.2", string>>;
}

for (const kind of kinds) {
  test(`${kind}: every recorded case, typed`, async () => {
    for (const one of load(`${kind}.json`).cases as Vector[]) {
      const { id, type, password, realm, seed_base64: seed, skip, length, unsafe, ...printed } = one;
      const files = seed === null ? {} : { seed: Buffer.from(seed, "base64") };
      const words = [
        `-p=${password}`,
        `-r=${realm}`,
        `-t=${type}`,
        ...(seed === null ? [] : ["-s=seed", `-skip=${skip}`]),
        ...(length === null ? [] : [`-l=${length}`]),
        ...(unsafe ? ["-u"] : []),
      ];
      for (const derivation of seed === null ? (["0.2"] as const) : (["0.1", "0.2"] as const)) {
        const ran = await run([`-derivation=${derivation}`, ...words], {}, undefined, { files });
        assert.equal(ran.exit, 0, `${id} ${derivation}: ${ran.stderr}`);
        const stdout = ran.stdout.toString(printed.stdout_encoding);
        assert.equal(stdout, printed.stdout[derivation], `${id} ${derivation}`);
      }
    }
  });
}

test("a password file loses Unicode white space at both ends, and nothing else", async () => {
  for (const one of load("passfile.json").cases) {
    const file = Buffer.from(one.file_base64, "base64");
    const ran = await run(["-P=pass-file", `-r=${one.realm}`], {}, undefined, {
      files: { "pass-file": file },
    });
    assert.equal(ran.exit, one.exit, one.note);
    assert.equal(ran.stdout.toString(), one.stdout, one.note);
    if (one.effective_password_base64 === undefined) continue;
    const trimmed = trimPassword(file);
    assert.equal(Buffer.from(trimmed.reveal()).toString("base64"), one.effective_password_base64, one.note);
  }
});

test("with a seed the derivation of 0.2.0 and later is the default", async () => {
  const args = ["-p=super-secret-master-password", "-r=a", "-s=seed.bin"];
  const [old, now, plain] = await Promise.all([
    run(["-derivation=0.1", ...args]),
    run(["-derivation=0.2", ...args]),
    run(args),
  ]);
  assert.notEqual(old.stdout.toString(), now.stdout.toString());
  assert.equal(plain.stdout.toString(), now.stdout.toString());
});

test("without a seed the password is asked for twice, until both are the same", async () => {
  const ran = await run(["-r=a"], {}, [
    "",
    "one",
    "two",
    "super-secret-master-password",
    "super-secret-master-password",
  ]);
  assert.equal(ran.stdout.toString(), '?3Khj5"zGO');
  assert.match(
    ran.stderr,
    /^(Master password: ){2}Master password again: Passwords do not match. Try again.\n/,
  );
});

test("with a seed it is asked for once", async () => {
  const ran = await run(["-r=a", "-s=seed.bin", "-derivation=0.1"], {}, ["super-secret-master-password"]);
  assert.equal(ran.stdout.toString(), "G0hv'[G\"Is");
});

test("an output file that others could read is private afterwards", async () => {
  const ran = await run(["-p=x", "-r=a", "-t=ed25519", "-u", "-o=pw.txt"]);
  assert.equal(ran.exit, 0);
  assert.equal(statSync(join(ran.folder, "pw.txt")).mode & 0o777, 0o600);
  assert.ok(existsSync(join(ran.folder, "seed.bin")));
});

test("an empty -s is none: the password is asked for twice", async () => {
  const ran = await run(["-r=a", "-s="], {}, [
    "super-secret-master-password",
    "super-secret-master-password",
  ]);
  assert.equal(ran.stdout.toString(), '?3Khj5"zGO');
});

test("an output that is no file stays what it is, and gets the secret", async () => {
  const before = lstatSync("/dev/null");
  for (const kind of ["pass", "seed"]) {
    const { exit } = await run(["-p=x", "-r=a", "-o=/dev/null", `-t=${kind}`]);
    assert.equal(exit, 0);
    assert.equal(lstatSync("/dev/null").ino, before.ino);
  }
});

test("an output that is a link stays one, and what it leads to is written", async () => {
  const links = { there: "pw.txt", absent: "made" };
  for (const [name, target] of Object.entries(links)) {
    const { exit, folder } = await run(["-p=x", "-r=a", `-o=${name}`], {}, undefined, { links });
    assert.equal(exit, 0);
    assert.ok(lstatSync(join(folder, name)).isSymbolicLink());
    assert.equal(statSync(join(folder, target)).size, 10);
    assert.equal(statSync(join(folder, target)).mode & 0o777, 0o600);
  }
});

test("the seed is not written over by whatever name", async () => {
  const seed = load("cli.json").files_base64["seed.bin"];
  for (const [flags, message] of [
    [["-s=seed.bin"], /open alias: is the seed file/],
    [["-t=seed"], /open alias: file exists/],
  ] as const) {
    const ran = await run(["-p=x", "-r=a", "-o=alias", ...flags], {}, undefined, {
      links: { alias: "seed.bin" },
    });
    assert.equal(ran.exit, 1);
    assert.match(ran.stderr, message);
    assert.equal(readFileSync(join(ran.folder, "seed.bin")).toString("base64"), seed);
  }
});

test("an output that cannot be written is refused before anything else is looked at", async () => {
  for (const [output, message] of [
    ["none/x", /open none\/x: no such file or directory/],
    ["pw.txt/x", /open pw.txt\/x: not a directory/],
    [".", /open \.: is a directory/],
  ] as const) {
    const ran = await run(["-p=x", `-o=${output}`]);
    assert.equal(ran.exit, 1);
    assert.match(ran.stderr, message);
  }
});

test("a derivation that is none is a bad flag", async () => {
  const ran = await run(["-p=x", "-r=a", "-derivation=0.3"]);
  assert.equal(ran.exit, 2);
  assert.match(ran.stderr, /^invalid value "0.3" for flag -derivation: want 0.1 or 0.2\nUsage of gokey:\n/);
});

test("integers are read as Go reads them", () => {
  const read = (text: string): unknown => parseGoFlags([`-l=${text}`], { l: "int" }).get("l");
  for (const [text, value] of [
    ["16", 16],
    ["+7", 7],
    ["-3", -3],
    ["0x1F", 31],
    ["0b101", 5],
    ["0o17", 15],
    ["017", 15],
    ["1_000", 1000],
    ["0x_f", 15],
    ["0", 0],
    ["00", 0],
  ] as const)
    assert.equal(read(text), value, text);
  for (const text of ["", "08", "1__0", "_1", "1_", "0x", "1.5", " 1", "1e3", "--1"])
    assert.throws(() => read(text), GoFlagError, text);
});

test("a bare dash and two dashes end the flags", () => {
  assert.equal(parseGoFlags(["-u", "-", "-u=false"], { u: "bool" }).get("u"), true);
  assert.equal(parseGoFlags(["--", "-u"], { u: "bool" }).size, 0);
  for (const bad of ["---u", "-=x", "--=x"])
    assert.throws(() => parseGoFlags([bad], { u: "bool" }), /bad flag syntax/);
});
