/**
 * The 17 recorded runs of KeyMaster's recipe, one after the other with the same nodes, items and hours, pushed with
 * `--every 420m`: who is written to, and where we do something else than the recipe, and why.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { isKeywardError, KeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import type { DurationMs, UnixMs } from "../base/time.ts";
import { systemRandom } from "../crypto/random.ts";
import { createBench } from "../fleet/fleet-for-test.ts";
import {
  dataBagSecret,
  decryptDataBagItem,
  encryptDataBagItem,
  PlainItem,
} from "../formats/databag/databag.ts";
import { fileOf, isFor, queryOf, readKeymasterItem } from "../formats/keymaster/keymaster.ts";
import { parseNodeName } from "../model/name.ts";
import { isOver, parsePushSettings } from "../model/push.ts";
import type { RemoteHost } from "../model/remote-host.ts";
import { pushNode } from "./push-node.ts";
import { createPushed } from "./pushed.ts";

interface Run {
  readonly run: string;
  readonly now: string;
  readonly compile_phase: readonly (readonly string[])[];
  readonly error: { readonly class: string } | null;
}
interface Vectors {
  readonly meta: { readonly master_key: string };
  readonly runs: readonly Run[];
  readonly history_keys: readonly Record<
    "master_key" | "bag_item" | "address" | "uuid" | "history_key",
    string
  >[];
  readonly interval: readonly {
    readonly every_minutes: number;
    readonly last_distribution: string;
    readonly now: string;
    readonly redistribute: boolean;
  }[];
}

const file = new URL("../../test/vectors/chef/keymaster.json", import.meta.url);
const vectors = JSON.parse(readFileSync(file, "utf8")) as Vectors;
const EVERY = (420 * 60_000) as DurationMs;
const SERVICE = "service123-databagXYZ-production";
const API = "api-secret-production";
const hostKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHDq3qJr4gcqVt1Ur1jkv2tVzjhEfBPe8SshVpcb8mgM";

test("the nine recorded decisions whether the interval is over", () => {
  assert.equal(vectors.interval.length, 9);
  for (const { every_minutes, last_distribution, now, redistribute } of vectors.interval) {
    const last = Date.parse(last_distribution.replace(" UTC", "Z").replace(" ", "T")) as UnixMs;
    const every = (every_minutes * 60_000) as DurationMs;
    assert.equal(isOver(last, every, Date.parse(now) as UnixMs), redistribute, `${every_minutes}m, ${now}`);
  }
});

test("the 22 recorded keys of the history are plain MD5 without separators; ours tell places apart", async () => {
  const { fleet } = await createBench();
  assert.equal(vectors.history_keys.length, 22);
  const md5 = (text: string): string => createHash("md5").update(text).digest("hex");
  const ours = new Set<string>();
  for (const { master_key, bag_item, address, uuid, history_key } of vectors.history_keys) {
    assert.equal(md5(master_key + bag_item + address + uuid), history_key);
    const hash = fleet.hashOf(parseNodeName(uuid === "" ? "none" : uuid));
    assert.match(hash, /^[0-9a-f]{64}$/);
    ours.add(`${hash}/${bag_item}`);
  }
  assert.equal(md5("key" + "a-1" + "0.0.0.1" + ""), md5("key" + "a-" + "10.0.0.1" + ""));
  assert.equal(
    ours.size,
    new Set(vectors.history_keys.map(({ bag_item, uuid }) => `${uuid || "none"}/${bag_item}`)).size,
  );
});

/** What the recipe says that it copies, as `ITEM to ADDRESS`. */
function recorded({ compile_phase }: Run): string[] {
  const said = compile_phase.map((entry) => /^KEYMASTER: distributing (\S+) to (.+)$/s.exec(entry[2] ?? ""));
  return said.flatMap((found) => (found === null ? [] : [`${found[1]} to ${found[2]}`])).sort();
}

const both = (address: string): string[] => [`${API} to ${address}`, `${SERVICE} to ${address}`];

/** What we write instead, and why. Where nothing is said it is what is recorded. */
const instead: Readonly<Record<string, { readonly writes: readonly string[]; readonly because: string }>> = {
  first_run: {
    writes: [],
    because: "the nodes are down here, where the recipe had no key yet; nothing is noted",
  },
  key_changed_inside_interval: {
    writes: [`${SERVICE} to 10.20.0.1`, `${SERVICE} to 10.20.0.2`],
    because: "a new value goes out at once",
  },
  node_without_uuid: { writes: both("10.20.0.3"), because: "a node is found by its name" },
  lanip_differs: {
    writes: [...both("10.20.0.1"), ...both("10.20.0.2"), ...both("10.20.0.3")],
    because: "its address is how it is reached, not who it is",
  },
  node_without_network: {
    writes: both("10.20.0.4"),
    because: "nothing is asked of an attribute called network",
  },
  address_with_blanks: {
    writes: both("10.20.0.1"),
    because: "a node does not say where its keys are sent, and no address is part of a command line",
  },
};

/** What the nodes lose, which in the recipe nobody ever does. */
const taken: Readonly<Record<string, readonly string[]>> = {
  node_without_network: both("10.20.0.3"),
  node_gone: [...both("10.20.0.2"), ...both("10.20.0.4")],
};

test("each recorded run, with its outcome here", async () => {
  const bench = await createBench();
  const needs = {
    fleet: bench.fleet,
    pushed: createPushed(bench),
    clock: bench.clock,
    random: systemRandom,
    hookLimit: 1000 as DurationMs,
  };
  const master = dataBagSecret(Secret.fromText(vectors.meta.master_key));
  const other = dataBagSecret(Secret.fromText("another master"));
  const hosts = new Map<string, Map<string, string>>();
  const nodes = new Map<string, string>();
  const wrote: string[] = [];
  const removed: string[] = [];
  let down = false;

  const pair = (path: string, address: string): string =>
    `${path.replace(/^.*\/|\.key$/g, "")} to ${address}`;
  const hostAt = (address: string): RemoteHost => {
    const files = hosts.get(address) ?? new Map<string, string>();
    hosts.set(address, files);
    return {
      fingerprint: "SHA256:x",
      ownerOf: async () => ({ uid: 1, gid: 1 }),
      async read(path) {
        const text = files.get(path);
        return text === undefined ? null : { uid: 1, gid: 1, mode: 0o600, content: Secret.fromText(text) };
      },
      async install(path, value, _ownership, _below, anew) {
        const text = Buffer.from(value.reveal()).toString();
        const changed = files.get(path) !== text;
        if (!changed && anew !== true) return { written: false, changed };
        files.set(path, text);
        wrote.push(pair(path, address));
        return { written: true, changed };
      },
      async remove(path) {
        removed.push(pair(path, address));
        return files.delete(path) ? "removed" : "absent";
      },
      sweep: async () => 0,
      run: async () => 0,
      close() {},
    };
  };

  async function addNode(name: string, address: string): Promise<void> {
    nodes.set(name, address);
    const attributes = {
      chef_environment: "production",
      tags: ["service123"],
      roles: ["r"],
      ipaddress: address,
    };
    await bench.putNode(name, { set: attributes });
  }

  /** As `import keymaster` does with one item of the bag. */
  const values = new Map<string, string[]>();
  async function take(id: string, members: object, secret = master): Promise<void> {
    assert.ok(isFor(id, "production", ["production", "non-production"]), id);
    const stored = encryptDataBagItem(PlainItem.parse(JSON.stringify({ id, ...members })), secret);
    const plain = await decryptDataBagItem(stored, master);
    const { destination, key } = readKeymasterItem(id, (member) => plain.get(member));
    const before = values.get(id);
    values.set(id, [...(before ?? []), Buffer.from(key.reveal()).toString()]);
    await bench.putKey(`keymaster/${id}`, values.get(id) ?? []);
    if (before === undefined)
      await bench.grant(`keymaster/${id}`, queryOf(destination, "production"), fileOf(id), { mode: 0o600 });
  }

  async function pushAll(): Promise<void> {
    for (const [name, address] of nodes) {
      if (down) continue;
      const settings = parsePushSettings({ address, hostKeys: [hostKey] });
      const node = parseNodeName(name);
      const row = await needs.pushed.load(node);
      await pushNode(needs, node, settings, row, hostAt(address), EVERY);
    }
  }

  const steps: Readonly<Record<string, () => Promise<void>>> = {
    async first_run() {
      await addNode("n1", "10.20.0.1");
      await addNode("n2", "10.20.0.2");
      await take(SERVICE, { destination: "tags:service123", key: "one\ntwo\n" });
      await take(API, { destination: "roles:r AND chef_environment:production", key: "api" });
      down = true;
    },
    // The recipe wanted its history cleared by hand; here nothing is to be done but to be there again.
    async history_cleared_by_hand() {
      down = false;
    },
    key_changed_inside_interval: () => take(SERVICE, { destination: "tags:service123", key: "changed" }),
    key_changed_and_interval_over: () => take(SERVICE, { destination: "tags:service123", key: "again" }),
    node_without_uuid: () => addNode("n3", "10.20.0.3"),
    async node_without_network() {
      await bench.putNode("n3", { set: { chef_environment: "production" } });
      await addNode("n4", "10.20.0.4");
    },
    async node_gone() {
      for (const gone of ["n2", "n4"]) await bench.putNode(gone, { set: { chef_environment: "production" } });
    },
    async item_without_destination() {
      await assert.rejects(take("broken-production", { key: "x" }), /its destination is missing/);
    },
    async one_item_under_another_master() {
      const item = { destination: "tags:service123", key: "x" };
      await assert.rejects(take("theirs-production", item, other), (error) =>
        isKeywardError(error, "wrong-key"),
      );
    },
    async environment_suffix_overlap() {
      assert.ok(!isFor("svc-non-production", "production", ["production", "non-production"]));
    },
    async address_with_blanks() {
      const address = "10.20.0.1 -o ProxyCommand=touch\\ /x 10.20.0.1";
      assert.throws(() => parsePushSettings({ address, hostKeys: [hostKey] }), KeywardError);
    },
  };

  assert.equal(vectors.runs.length, 17);
  for (const one of vectors.runs) {
    bench.tick(Date.parse(one.now) - bench.clock());
    await steps[one.run]?.();
    bench.tick(Date.parse(one.now) - bench.clock());
    [wrote.length, removed.length] = [0, 0];
    await pushAll();
    const { writes, because } = instead[one.run] ?? { writes: recorded(one), because: "as recorded" };
    assert.deepEqual(wrote.toSorted(), [...writes].sort(), `${one.run}: ${because}`);
    assert.deepEqual(removed.toSorted(), [...(taken[one.run] ?? [])].sort(), `${one.run}: taken away`);
    if (one.run === "key_changed_and_interval_over")
      assert.equal(
        hosts.get("10.20.0.1")?.get(fileOf(SERVICE)),
        "again",
        "the new value, not the one before",
      );
  }
});
