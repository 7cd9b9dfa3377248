/**
 * Real Salt on a real device-mapper, without a master: contrib/salt/disk.sls with a pillar of the article's shape.
 * `KW_PHASE`: which boot; `KW_SEED`: makes this story's key. A daemon takes the database's place.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { run, succeed } from "./programs.ts";
import { check, guest, tell } from "./report.ts";
import { filesWith, lies } from "./traces.ts";

const DISK = process.env.KW_DISK ?? "";
/** Blank, and in no grant. */
const OTHER = "/dev/ubdd";
/** What the database makes on the volume when it finds nothing there, and its life sign. */
const CREATED = "/srv/data/created";
const PID = "/run/database.pid";
const LOG = "/var/log/salt/minion";
/** Of the slowest thing on a busy machine. */
const PATIENCE_MS = 200_000;

const key = createHash("sha512").update(`${process.env.KW_SEED}`).digest();

const database = `#!/bin/sh
mountpoint -q /srv/data || exit 1
[ -e ${CREATED} ] || cat /proc/sys/kernel/random/uuid > ${CREATED}
echo $$ > ${PID}
while :; do sleep 1; done
`;
/** As Salt starts and asks for a service on a Debian without systemd: `service NAME start`. */
const service = `#!/bin/sh
case $2 in
  start) start-stop-daemon -S -b -x /usr/bin/$1 && while ! kill -0 $(cat /run/$1.pid); do sleep 1; done ;;
  stop) kill $(cat /run/$1.pid) && rm /run/$1.pid ;;
  status) kill -0 $(cat /run/$1.pid) ;;
esac
`;
/** Salt would load all that it has to find the one that starts a service. */
const MODULES =
  "cmd cmdmod config cp debian_service event grains pillar saltutil service state sys sysmod test timezone".split(
    " ",
  );
const minion = {
  ...{ id: "db1", file_client: "local", master_type: "disable" },
  ...{ startup_states: "sls", sls_list: ["disk"] },
  ...{ file_roots: { base: ["/srv/salt"] }, pillar_roots: { base: ["/srv/pillar"] } },
  log_level_logfile: "trace",
  // What looks at the machine's names and cards takes half of its start.
  ...{ enable_fqdns_grains: false, enable_gpu_grains: false, grains_cache: true },
  ...{ whitelist_modules: MODULES },
};
const data = {
  ...{ dev_name: DISK, vg_name: "vgdata", mountpoint: "/srv/data", password: "the article's, unread" },
  ...{ services: ["database"], timeout: "1m" },
};

function write(path: string, content: unknown, mode = 0o644): void {
  mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content), { mode });
}

/** A machine of today: the disk has a name that stays, the node has enrolled, Salt is configured. */
function prepare(): void {
  succeed("/sbin/ldconfig");
  mkdirSync("/dev/shm");
  succeed("mount", "-t", "tmpfs", "tmpfs", "/dev/shm");
  mkdirSync("/dev/disk/by-id", { recursive: true });
  symlinkSync(DISK, "/dev/disk/by-id/virtio-data");
  write("/usr/bin/database", database, 0o755);
  write("/etc/os-release", "ID=debian\nNAME=Debian GNU/Linux\nVERSION_ID=12\n");
  write("/usr/sbin/service", service, 0o755);
  write("/usr/sbin/runlevel", "#!/bin/sh\necho N 2\n", 0o755);
  write("/etc/init.d/database", "");
  write("/etc/salt/minion", minion);
  write("/srv/pillar/top.sls", { base: { "*": ["luks"] } });
  pillar({});
  const server = ["--server", `keys.test:${process.env.KW_PORT}`, "--cacert", "/etc/keyward/ca.pem"];
  const joining = ["--name", "db1", "--join-token-file", "/etc/keyward/node.join"];
  succeed("keyward", "agent", "--once", "--no-disks", ...server, ...joining);
}

/** Salt without its daemon, as `salt-call` runs it; one process applies the state as often as it is asked to. */
const caller = `import json, sys
import salt.client, salt.config
call = salt.client.Caller(mopts=salt.config.minion_config("/etc/salt/minion"))
for line in sys.stdin:
    print("\\n" + json.dumps({"states": call.cmd("state.sls", line.strip())}), flush=True)
`;

/** What Salt says of each state, by its id. */
type Applied = Readonly<Record<string, { result: boolean; changes: object; comment: string }>>;

async function withCaller(use: (apply: () => Promise<Applied>) => Promise<void>): Promise<void> {
  const child = spawn("python3", ["-c", caller], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  try {
    await use(async () => {
      child.stdin.write("disk\n");
      for (;;) {
        const { value, done } = await lines.next();
        assert.ok(done !== true, "Salt has ended");
        if (value.startsWith('{"states"')) return byName(JSON.parse(value).states);
      }
    });
  } finally {
    await ended(child);
  }
}

/** Salt: `cmd_|-unlock data_|-keyward unlock …_|-run`. */
const byName = (states: Applied): Applied =>
  Object.fromEntries(Object.entries(states).map(([id, state]) => [id.split("_|-")[1] ?? id, state]));

const results = (applied: Applied): boolean[] => Object.values(applied).map(({ result }) => result);
const pillar = (more: Partial<typeof data>): void =>
  write("/srv/pillar/luks.sls", { luks: { data: { ...data, ...more } } });
const isMounted = (): boolean => run(["mountpoint", "-q", "/srv/data"]).status === 0;
const isOpen = (): boolean => run(["dmsetup", "info", "data"]).status === 0;
const isRunning = (): boolean => existsSync(PID);

/** As the machine starts it, until the database runs. */
async function startMinion(): Promise<void> {
  const child = spawn("salt-minion", [], { stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (part) => (log += part));
  const until = Date.now() + PATIENCE_MS;
  const isDone = (): boolean => /Completed state \[database\]/.test(logOf(LOG));
  while (!isDone() && child.exitCode === null && Date.now() < until) await wait(500);
  assert.ok(isRunning(), `${log}\n${logOf(LOG)}`);
  await ended(child);
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const gone = new Promise((resolve) => child.once("close", resolve));
  child.kill("SIGKILL");
  await gone;
}

const logOf = (path: string): string =>
  existsSync(path)
    ? readFileSync(path, "utf8")
        .split("\n")
        .filter((line) => !/\[(?:TRACE|DEBUG)/.test(line))
        .slice(-60)
        .join("\n")
    : "";

async function opened(): Promise<void> {
  await check(
    "the minion's startup states open the volume, mount it, and then start what runs on it",
    async () => {
      await startMinion();
      assert.ok(isMounted());
      assert.match(succeed("dmsetup", "table", "data"), /crypt aes-xts-plain64/);
      assert.equal(run(["lvm", "lvs", "--noheadings", "-o", "lv_name", "vgdata"]).stdout.trim(), "data");
      tell("created", readFileSync(CREATED, "utf8").trim());
    },
  );
  await check(
    "the key is in no file, Salt's caches and its log of level trace among them, nor on the disk",
    () => {
      const folders = ["/etc", "/opt", "/root", "/run", "/srv", "/tmp", "/var"].filter((one) =>
        existsSync(one),
      );
      assert.deepEqual(filesWith(folders, key), []);
      assert.equal(lies(DISK, key), false);
      const log = readFileSync(LOG, "utf8");
      assert.ok(log.includes("[TRACE") && log.includes("keyward unlock data"));
      assert.ok(readdirSync("/var/cache/salt/minion").length > 0);
    },
  );
}

const NOTHING = [false, false, false, false];
const found = (): boolean[] => [isOpen(), isMounted(), isRunning(), existsSync(CREATED)];

const phases: Readonly<Record<string, () => Promise<void>>> = {
  async first() {
    await withCaller(async (apply) => {
      await check("a disk with something else on it is left as it is", async () => {
        succeed("mkfs.ext4", "-q", DISK);
        const before = succeed("blkid", "-p", DISK);
        const applied = await apply();
        assert.deepEqual(results(applied), [false, false, false]);
        assert.match(JSON.stringify(applied["unlock data"]), /is not blank: it holds ext4/);
        assert.equal(succeed("blkid", "-p", DISK), before);
        assert.deepEqual(found(), NOTHING);
      });
      await check("a pillar that means another device than the grant opens and makes nothing", async () => {
        pillar({ dev_name: OTHER });
        assert.match(
          JSON.stringify((await apply())["unlock data"]),
          /its grant has \/dev\/disk\/by-id\/virtio-data, not \/dev\/ubdd/,
        );
        assert.equal(run(["blkid", "-p", OTHER]).status, 2);
        assert.deepEqual(found(), NOTHING);
      });
    });
    pillar({});
    succeed("dd", "if=/dev/zero", `of=${DISK}`, "bs=1M", "count=8");
    await opened();
  },

  async again() {
    await opened();
    await withCaller(async (apply) => {
      await check("applied again, nothing changes", async () => {
        const applied = await apply();
        assert.deepEqual(results(applied), [true, true, true]);
        assert.deepEqual(
          Object.values(applied).map(({ changes }) => changes),
          [{}, {}, {}],
        );
      });
      await check(
        "without the server nothing opens, and nothing starts on the bare mount point",
        async () => {
          succeed("service", "database", "stop");
          succeed("keyward", "disk", "lock", "data");
          succeed("ip", "link", "set", "eth0", "down");
          pillar({ timeout: "5s" });
          assert.deepEqual(results(await apply()), [false, false, false]);
          assert.deepEqual(found(), NOTHING);
        },
      );
      await check("when it is back the same state opens, mounts and starts", async () => {
        succeed("ip", "link", "set", "eth0", "up");
        pillar({});
        assert.deepEqual(results(await apply()), [true, true, true]);
        assert.deepEqual(found(), [true, true, true, true]);
        tell("created", readFileSync(CREATED, "utf8").trim());
      });
    });
  },
};

void guest(async () => {
  prepare();
  await (phases[process.env.KW_PHASE ?? ""] ?? assert.fail)();
  // What the minion and the database left.
  process.kill(-1, "SIGKILL");
});
