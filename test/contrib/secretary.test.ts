/** What lies under contrib/secretary/: units verified, apps run through a real daemon, images followed by hand. */
import assert from "node:assert/strict";
import { execFile, execFileSync, spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { findCommand } from "../../src/cli/commands.ts";
import type { AnyAct } from "../../src/command/command.ts";
import { flagsOf } from "../../src/command/flags.ts";
import { parseTyped } from "../../src/command/parse.ts";
import { formatPrivateKey, formatPublicKey } from "../../src/formats/secretary/keys.ts";
import { config, marathonCalls, master } from "../secretary/deployment.ts";
import { startDaemonProcess } from "../secretary/process.ts";
import { startUpstream } from "../secretary/upstream.ts";
import { load } from "../vectors/secretary/load.ts";

const root = path.join(import.meta.dirname, "../..");
const examples = path.join(root, "contrib/secretary");
const folder = mkdtempSync(path.join(tmpdir(), "keyward-contrib-"));
after(() => rmSync(folder, { recursive: true }));
const read = (name: string): string => readFileSync(path.join(examples, name), "utf8");
const hasSystemd = spawnSync("systemd-analyze", ["--version"]).status === 0;

/** Where the examples have programs that are not on this machine. */
function here(unit: string): string {
  return unit.replaceAll("/usr/bin/keyward", path.join(root, "bin/keyward"));
}

/** What is typed is a command of ours with flags that it has. @returns The words after the program's name. */
async function assertTyped(words: readonly string[]): Promise<void> {
  const [name = "", ...rest] = words;
  const entry = findCommand(name);
  assert.ok(entry !== null, `no command ${name}`);
  const { command } = await entry.load();
  parseTyped(name, command.tree as AnyAct, rest);
  assert.ok(flagsOf(command.tree as AnyAct) !== undefined);
}

for (const name of ["keyward-daemon.service", "orders.service"]) {
  test(`${name} is a unit that systemd takes, and starts a command of ours`, {
    skip: hasSystemd ? false : "no systemd-analyze",
  }, async () => {
    const file = path.join(folder, name);
    writeFileSync(file, here(read(name)));
    const { status, stderr, stdout } = spawnSync(
      "systemd-analyze",
      ["verify", "--man=no", "--recursive-errors=no", file],
      { encoding: "utf8" },
    );
    assert.equal(status, 0, stdout + stderr);
    const line = /^ExecStart=\/usr\/bin\/keyward (.*)$/m.exec(read(name))?.[1] ?? "";
    await assertTyped(line.split(" "));
  });
}

test("the daemon's unit is shut as far as it can be", {
  skip: hasSystemd ? false : "no systemd-analyze",
}, () => {
  const file = path.join(folder, "keyward-daemon.service");
  writeFileSync(file, here(read("keyward-daemon.service")));
  const { status, stdout, stderr } = spawnSync(
    "systemd-analyze",
    ["security", "--offline=true", "--threshold=20", "--no-pager", file],
    { encoding: "utf8" },
  );
  assert.equal(status, 0, stdout.split("\n").slice(-3).join("\n") + stderr);
});

test("the Marathon app runs through the daemon: its values opened, its keys gone", async () => {
  const app = JSON.parse(read("marathon-app.json"));
  const taskId = "shop_orders.1";
  const version = "2024-03-05T10:11:12.134Z";
  const upstream = await startUpstream(
    marathonCalls({ id: app.id, env: app.env, tasks: [{ id: taskId, version, state: "TASK_RUNNING" }] }),
  );
  const daemon = await startDaemonProcess({
    words: ["daemon", "--ip", "127.0.0.1", "--port", "0", "--marathon-url", upstream.url],
    env: load("daemon-exchanges").daemonEnv,
  });
  // as Dockerfile.app has it
  const [entry = "", ...words] = [...jsonOf("Dockerfile.app", "ENTRYPOINT"), ...app.args];
  const argv = words.map((word) => word.replace("/usr/bin/orders", path.join(examples, "orders")));
  const env = {
    PATH: process.env.PATH ?? "",
    ...app.env,
    SECRETARY_URL: `http://127.0.0.1:${daemon.port}`,
    MARATHON_APP_ID: app.id,
    MARATHON_APP_VERSION: version,
    MESOS_TASK_ID: taskId,
  };
  const { stdout } = await promisify(execFile)(entry.replace("/usr/bin/", `${root}/bin/`), argv, { env });
  await daemon.stop();
  await upstream.close();
  assert.equal(stdout, "--port 8080: password of 28 bytes, deploy key \n");
});

test("the Marathon daemon starts as it is written, and answers its health check", async () => {
  const app = JSON.parse(read("marathon-daemon.json"));
  const keys = path.join(folder, "keys");
  mkdirSync(keys);
  writeFileSync(path.join(keys, "master-private-key.pem"), formatPrivateKey(master.privateKey), {
    mode: 0o600,
  });
  writeFileSync(path.join(keys, "config-public-key.pem"), formatPublicKey(config.publicKey));
  const [, ...words] = jsonOf("Dockerfile.daemon", "ENTRYPOINT");
  const args = app.args.map((word: string) => word.replace("/keys/", `${keys}/`));
  const daemon = await startDaemonProcess({
    words: [...words, ...args, "--port", "0", "--ip", "127.0.0.1"],
    env: app.env,
  });
  const [check] = app.healthChecks;
  const answer = await fetch(`http://127.0.0.1:${daemon.port}${check.path}`);
  assert.equal(answer.status, 200);
  assert.equal(await answer.text(), '{"Status":"OK"}');
  await daemon.stop();
});

for (const name of ["Dockerfile.daemon", "Dockerfile.app"])
  test(`${name}: every instruction is known, what it copies is there, and its program is ours and runs as nobody`, async () => {
    const lines = read(name)
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"));
    const words = lines.map((line) => line.split(" ")[0] ?? "");
    const known = ["FROM", "COPY", "USER", "EXPOSE", "ENTRYPOINT", "CMD"];
    assert.deepEqual(
      words.filter((word) => !known.includes(word)),
      [],
    );
    assert.equal(words[0], "FROM");
    const image = path.join(folder, name);
    for (const [, from = "", to = ""] of lines.map((line) => /^COPY (\S+) (\S+)$/.exec(line) ?? [])) {
      if (from === "") continue;
      const source = path.join(root, from);
      if (from.startsWith("dist/") && !existsSync(source)) continue;
      mkdirSync(path.dirname(path.join(image, to)), { recursive: true });
      cpSync(source, path.join(image, to));
      assert.ok((statSync(path.join(image, to)).mode & 0o111) !== 0, `${to} can be run`);
    }
    const [entry = "", ...rest] = [...jsonOf(name, "ENTRYPOINT"), ...jsonOf(name, "CMD")];
    assert.equal(entry, "/usr/bin/keyward");
    await assertTyped(rest);
    assert.match(read(name), /^USER [1-9][0-9]*:[1-9][0-9]*$/m);
    const program = path.join(image, entry);
    if (existsSync(program))
      assert.match(execFileSync(program, [rest[0] ?? "", "--help"], { encoding: "utf8" }), /keyward/);
  });

test("the cloud-config is YAML with files and commands, holds no private key, and its units fit together", () => {
  const program = "import sys, yaml, json; json.dump(yaml.safe_load(sys.stdin), sys.stdout)";
  const text = read("cloud-config.yaml");
  assert.ok(text.startsWith("#cloud-config\n"));
  assert.doesNotMatch(text, /PRIVATE KEY/);
  const parsed = JSON.parse(
    execFileSync("/usr/bin/python3", ["-c", program], { input: text, encoding: "utf8" }),
  );
  assert.deepEqual(Object.keys(parsed), ["write_files", "runcmd"]);
  const units = path.join(folder, "units");
  mkdirSync(units);
  writeFileSync(path.join(units, "keyward-daemon.service"), here(read("keyward-daemon.service")));
  for (const { path: file, content, permissions } of parsed.write_files) {
    assert.match(permissions, /^0[0-7]{3}$/);
    if (!file.startsWith("/etc/systemd/system/")) continue;
    const to = path.join(units, file.slice("/etc/systemd/system/".length));
    mkdirSync(path.dirname(to), { recursive: true });
    writeFileSync(to, content);
  }
  const daemonEnv = parsed.write_files.find(
    ({ path: file }: { path: string }) => file === "/etc/keyward/daemon.env",
  );
  assert.equal(daemonEnv.content, read("daemon.env").replace(/^#.*\n/gm, ""));
  if (!hasSystemd) return;
  const verified = spawnSync(
    "systemd-analyze",
    ["verify", "--man=no", "--recursive-errors=no", path.join(units, "keyward-daemon.path")],
    {
      env: { PATH: process.env.PATH ?? "", SYSTEMD_UNIT_PATH: `${units}:` },
      encoding: "utf8",
    },
  );
  assert.equal(verified.status, 0, verified.stderr);
});

/** An instruction in the form that starts no shell. */
function jsonOf(name: string, instruction: "ENTRYPOINT" | "CMD"): string[] {
  return JSON.parse(new RegExp(`^${instruction} (\\[.*\\])$`, "m").exec(read(name))?.[1] ?? "null");
}
