import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createLuks } from "../adapters/luks/luks.ts";
import { KeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import { systemRandom } from "../crypto/random.ts";
import type { KeyName } from "../model/name.ts";
import type { DevicePath, MountPoint, UnlockDelivery, VolumeName } from "../model/volume.ts";
import type { DiskHost } from "./host.ts";
import { type PreflightFiles, preflight } from "./preflight.ts";
import { planUnits } from "./unit-plan.ts";

const delivery: UnlockDelivery = {
  kind: "unlock",
  type: "luks",
  name: "my-data" as VolumeName,
  device: "/dev/disk/by-id/one" as DevicePath,
  mount: { point: "/srv/data" as MountPoint, fstype: "ext4", options: [] },
  start: [],
  atLoss: "close",
  conditions: {},
};

/** What it says of the boot alone: the disk is away. */
const host = {
  luks: { contents: () => Promise.reject(new KeywardError("not-found", "away")) },
  mounts: { at: () => null },
  systemd: { isHere: () => true },
} as unknown as DiskHost;

const wants = "/etc/systemd/system/sysinit.target.wants";
const socket = "keyward-key@my\\x2ddata.socket";

function written(): Map<string, string> {
  const changes = planUnits(delivery, { read: () => null, list: () => null });
  return new Map(changes.map(({ path, after }) => [path, after ?? ""]));
}

async function said(
  files: ReadonlyMap<string, string>,
  enabled: readonly string[] = [socket, "remote-cryptsetup.target"],
) {
  const look: PreflightFiles = {
    read: (path) => files.get(path) ?? (enabled.some((unit) => path === `${wants}/${unit}`) ? "" : null),
    list: (path) => (path === wants ? enabled : null),
  };
  const lines = await preflight(host, "disk/db1" as KeyName, delivery, [], look);
  return lines.filter(({ check }) => ["boot", "crypttab", "fstab"].includes(check));
}

test("a token that opens the volume without the server is said", async () => {
  const top = mkdtempSync(join(tmpdir(), "keyward-preflight-"));
  const device = join(top, "device") as DevicePath;
  try {
    writeFileSync(device, "");
    truncateSync(device, 20 * 1024 * 1024);
    const luks = createLuks();
    await luks.format(device, Secret.take(systemRandom(32)));
    // Shaped as systemd-cryptenroll --tpm2-device=auto (252) makes it; there is no TPM here.
    const token = {
      type: "systemd-tpm2",
      keyslots: ["0"],
      "tpm2-blob": "AJ4AIA==",
      "tpm2-pcrs": [7],
      "tpm2-pcr-bank": "sha256",
      "tpm2-primary-alg": "ecc",
      "tpm2-policy-hash": "00",
      "tpm2-pin": false,
    };
    const words = ["token", "import", "--json-file=-", "--disable-external-tokens", device];
    execFileSync("cryptsetup", words, { input: JSON.stringify(token) });
    assert.deepEqual(await luks.strangers(device), ["systemd-tpm2"]);
    const nothing: PreflightFiles = { read: () => null, list: () => null };
    const on = { ...delivery, device };
    const lines = await preflight({ ...host, luks }, "disk/db1" as KeyName, on, [], nothing);
    const line = lines.find(({ check }) => check === "other ways");
    assert.equal(line?.state, "warning");
    assert.match(line?.says ?? "", /systemd-tpm2 opens it without the server/);
  } finally {
    rmSync(top, { recursive: true });
  }
});

test("a blank device is well only where the grant has it made", async () => {
  const blank = { ...host, luks: { contents: async () => ({ kind: "blank" }) } } as unknown as DiskHost;
  const nothing: PreflightFiles = { read: () => null, list: () => null };
  const of = async (one: UnlockDelivery) =>
    (await preflight(blank, "disk/db1" as KeyName, one, [], nothing)).find(({ check }) => check === "device");
  assert.equal((await of({ ...delivery, createIfBlank: true }))?.state, "ok");
  const wrong = await of(delivery);
  assert.equal(wrong?.state, "wrong");
  assert.match(wrong?.says ?? "", /blank, .* keyward disk init my-data/);
});

test("what was written for the boot is found in order", async () => {
  assert.deepEqual(
    (await said(written())).map(({ state }) => state),
    ["ok"],
  );
});

test("nobody is there to give the key: that is said, with the command that helps", async () => {
  const [line, ...rest] = await said(written(), ["remote-cryptsetup.target"]);
  assert.deepEqual(rest, []);
  assert.equal(line?.state, "wrong");
  assert.match(line?.says ?? "", /my\\x2ddata.socket is not enabled.*disk units my-data --write/);
});

test("a line that asks for a passphrase wants somebody to answer", async () => {
  const files = written();
  files.set("/etc/crypttab", (files.get("/etc/crypttab") ?? "").replace(",headless=true", ""));
  const [asked] = await said(files, ["remote-cryptsetup.target"]);
  assert.equal(asked?.state, "warning");
  assert.match(asked?.says ?? "", /--answer-passphrases/);
  const [both] = await said(files);
  assert.equal(both?.state, "wrong");
  assert.match(both?.says ?? "", /headless=true is missing/);
});

test("a key file, and options without which a boot hangs, are said", async () => {
  const files = written();
  files.set("/etc/crypttab", "my-data /dev/disk/by-id/one /etc/data.key luks,headless=true\n");
  assert.deepEqual(
    (await said(files)).map(({ state, says }) => [state, says.split(":")[0]]),
    [
      ["wrong", "_netdev is missing in the options of my-data"],
      ["wrong", "nofail is missing in the options of my-data"],
      ["wrong", "my-data has a key file"],
    ],
  );
  assert.match((await said(new Map()))[0]?.says ?? "", /at boot nothing opens it/);
});
