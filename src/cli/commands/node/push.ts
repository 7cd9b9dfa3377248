/** `keyward node push`: how a node without an agent is reached. */
import path from "node:path";
import { fromUtf8 } from "../../../base/bytes.ts";
import { KeywardError } from "../../../base/errors.ts";
import { act } from "../../../command/command.ts";
import { readBytes } from "../../../command/read-file.ts";
import { integer, period, present, required } from "../../../command/read-flags.ts";
import { changeBlocks } from "../../../command/view.ts";
import type { World } from "../../../command/world.ts";
import { parseNodeName } from "../../../model/name.ts";
import { pushDrivers } from "../../../model/push.ts";
import { pushAsInventorySays } from "./push-from.ts";

export const push = act({
  summary: "Say how a node without an agent is reached by SSH, and pin its host keys",
  words: ["[NODE...]"],
  flags: {
    from: {
      type: "string",
      value: "SOURCE",
      help: "Take addresses and host keys from what an inventory says, as chef",
    },
    query: { type: "string", value: "QUERY", help: "With --from: the nodes that a query selects" },
    address: { type: "string", value: "HOST", help: "A host name or an address" },
    port: { type: "string", value: "PORT", help: "22 unless given" },
    user: { type: "string", value: "USER", help: "Who to log in as; root unless given" },
    "host-key": {
      type: "string",
      multiple: true,
      value: "KEY",
      help: "A host key: its line, or the file that holds it",
    },
    "host-ca": {
      type: "string",
      multiple: true,
      value: "KEY",
      help: "A CA whose host certificates are taken, likewise",
    },
    scan: { type: "boolean", help: "Show which host keys answer there, and change nothing" },
    accept: {
      type: "string",
      value: "SHA256:...",
      help: "Pin the host key that answers there with this fingerprint",
    },
    directory: {
      type: "string",
      value: "DIR",
      help: "Where relative paths lie; /run/keyward/keys unless given",
    },
    driver: {
      type: "string",
      value: "DRIVER",
      choices: pushDrivers,
      help: "ssh2, or openssh for certificates and whatever else OpenSSH knows",
    },
    every: {
      type: "string",
      value: "TIME",
      help: "Look at it this often, also when nothing changes; 1h unless given",
    },
    redistribute: {
      type: "boolean",
      help: "Write all of it anew that often, as KeyMaster does, instead of comparing",
    },
    agent: { type: "boolean", help: "It has an agent after all: push no more" },
  },
  calls: ["node.push", "node.list", "node.show"],
  examples: [
    "keyward node push web1 --address 10.0.0.7 --scan",
    "keyward node push web1 --address 10.0.0.7 --accept SHA256:jJ3…",
    "keyward node push web1 --address web1.example.com --user keyward --host-key web1.pub --every 15m",
    "keyward node push web1 --address 10.0.0.7 --host-key web1.pub --every 420m --redistribute",
    "keyward node push web1 web2 --from chef --dry-run",
    "keyward node push --query 'tags:db' --from chef --user keyward",
  ],
  notes: [
    "A host is never trusted for being the first to answer: give its key, or compare what --scan shows with what the host says of itself (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub).",
    "With --from chef they are those that Ohai found (network.lanip or ipaddress, and keys.ssh), as the last inventory sync brought them: what a node says of itself, pinned now. A later sync changes neither.",
    "Let Keyward in: keyward ssh authorize.",
  ],
  async run(session, { words: names, flags }) {
    const { call, out, world, dryRun } = session;
    const port = integer(flags.port, "--port", 1);
    if (flags.scan === true) {
      const keys = await scan(required(flags.address, "address"), port ?? 22);
      const rows = keys.map(({ line, fingerprint }) => [line.split(" ")[0] ?? "", fingerprint]);
      out.show(
        { keys },
        {
          blocks: [{ kind: "table", head: ["TYPE", "FINGERPRINT"], rows }],
          names: keys.map((key) => key.fingerprint),
        },
      );
      out.note("compare with the host itself, then: --accept SHA256:…");
      return 0;
    }
    const given = (flags["host-key"] ?? []).map((key) => keyLine(world, key));
    const accepted =
      flags.accept === undefined
        ? []
        : [await acceptedKey(required(flags.address, "address"), port ?? 22, flags.accept)];
    const how = present({
      address: flags.address,
      port,
      user: flags.user,
      hostKeys: given.length + accepted.length === 0 ? undefined : [...given, ...accepted],
      hostCas: flags["host-ca"]?.map((key) => keyLine(world, key)),
      directory: flags.directory,
      driver: flags.driver,
      every: period(flags.every),
      redistribute: flags.redistribute,
    });
    if (flags.from !== undefined)
      return await pushAsInventorySays(session, { source: flags.from, names, query: flags.query, how });
    const node = parseNodeName(onlyOne(names, flags.query));
    const push = flags.agent === true ? null : { ...how, address: required(flags.address, "address") };
    const answer = await call("node.push", { path: { name: node }, body: { push } });
    const done = push === null ? "has an agent" : `is pushed to at ${push.address}`;
    out.show(answer, {
      blocks: changeBlocks(`${node} ${dryRun ? "would be said" : "is known"}: ${done}`, answer.effect),
      names: [node],
    });
    return 0;
  },
});

/** Each of several nodes has an address of its own. */
function onlyOne(names: readonly string[], query: string | undefined): string {
  const [name, ...more] = names;
  if (name !== undefined && more.length === 0 && query === undefined) return name;
  throw new KeywardError("usage", "want one node", { hint: "several at once: --from chef" });
}

/** Loaded here alone. */
async function scan(address: string, port: number) {
  const { scanHostKeys } = await import("../../../adapters/ssh/scan.ts");
  return await scanHostKeys(address, port);
}

async function acceptedKey(address: string, port: number, fingerprint: string): Promise<string> {
  const found = (await scan(address, port)).find((key) => key.fingerprint === fingerprint);
  if (found !== undefined) return found.line;
  throw new KeywardError("integrity", "no host key with this fingerprint answers there", {
    hint: "look at it again: --scan",
  });
}

/** A line itself, or a file with one. */
function keyLine({ cwd }: World, text: string): string {
  const line = /^[a-z0-9-]+ [A-Za-z0-9+/=]+( .*)?$/.test(text)
    ? text
    : fromUtf8(readBytes(path.resolve(cwd, text), "host key", 8192), "host key").trim();
  return line.split(" ").slice(0, 2).join(" ");
}
