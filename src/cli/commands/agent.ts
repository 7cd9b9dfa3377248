/** `keyward agent`: what runs on a node. */
import { existsSync } from "node:fs";
import path from "node:path";
import type { Secret } from "../../base/secret.ts";
import { act } from "../../command/command.ts";
import { variable } from "../../command/environment.ts";
import { guard } from "../../command/guard.ts";
import { readPem, readPrivate } from "../../command/read-file.ts";
import { present } from "../../command/read-flags.ts";
import type { World } from "../../command/world.ts";
import { createCredentialSockets, createDisks } from "../../machine/disk/host.ts";
import { identityFlags } from "../../machine/open-seed.ts";
import { seedSource } from "../../machine/seed-source.ts";
import { runnable } from "../run.ts";

const DEFAULT_DIRECTORY = "/run/keyward/keys";
const DEFAULT_STATE = "/var/lib/keyward-agent";

export const command = runnable(
  "agent",
  act({
    summary: "Enrol this node once, then install its keys, prove them and withdraw them",
    words: [],
    flags: {
      server: { type: "string", value: "ADDRESS", help: "The server; known after the first time" },
      "other-server": {
        type: "string",
        multiple: true,
        value: "ADDRESS",
        help: "Another server of the same store, for when the first is away; remembered",
      },
      "ca-fingerprint": { type: "string", value: "HEX", help: "First contact: SHA-256 of the server's CA" },
      cacert: { type: "string", value: "FILE", help: "First contact: the CA certificates instead, PEM" },
      "join-token-file": { type: "string", value: "FILE", help: "First contact: the one-time token" },
      name: { type: "string", value: "NAME", help: "First contact: the name to ask for" },
      directory: {
        type: "string",
        value: "DIR",
        help: `Where keys with relative paths lie (${DEFAULT_DIRECTORY})`,
      },
      state: {
        type: "string",
        value: "DIR",
        help: `Where the agent keeps its identity (${DEFAULT_STATE})`,
      },
      "only-below": {
        type: "string",
        multiple: true,
        value: "DIR",
        help: "Put files below this directory and the key directory only, whatever a grant says",
      },
      ...identityFlags,
      "no-derive": { type: "boolean", help: "Derive no key from this machine's seed, whatever a grant says" },
      "no-disks": { type: "boolean", help: "Open and close no volume, whatever a grant says" },
      "answer-passphrases": {
        type: "boolean",
        help: "Answer systemd's questions for the passphrases of this node's volumes",
      },
      "no-hooks": { type: "boolean", help: "Run no program, whatever a grant says" },
      once: { type: "boolean", help: "Ask once, install, report and end: for cron and images" },
    },
    calls: [],
    examples: [
      "keyward agent --server keys.example --ca-fingerprint 9f2c… --join-token-file db1.join",
      "keyward agent",
      "keyward agent --once",
      "keyward agent --only-below /etc/orders --no-hooks",
      "keyward agent --identity derived --seed uefi --server keys.example --cacert /etc/keyward/ca.pem",
    ],
    notes: [
      "Whoever may write grants puts files on this node and runs programs as the agent's user: --only-below and --no-hooks hold the agent to less. A path beyond them is reported as a failure.",
      "With --answer-passphrases it is a password agent of systemd: for volumes whose line in crypttab has no socket of ours. systemd keeps what was answered in root's keyring for some minutes, so use the socket where you can: keyward disk units.",
      "Keys that nodes derive are made from this machine's seed; see keyward key derive. The seed is opened when it is needed, and never for a realm of Keyward's own. With --no-derive it is left alone.",
      "With --identity derived the node's private key follows from the seed and is never written down: a server without a disk is the same node after each boot. It enrols once; later boots show the same key and need no token. Whoever has the seed is the node.",
      "Without a join token the node waits until an operator approves it: keyward node approve.",
      "Logs are JSON lines on stderr. With --once it ends with 5 when no server answers; what may be used without one is installed all the same.",
    ],
    async run({ world, out }, { flags }) {
      guard(world.env);
      const { runAgent } = await import("../run-agent.ts");
      const summary = await runAgent({
        joining: joiningOf(flags, world),
        once: flags.once === true,
        hooks: flags["no-hooks"] !== true,
        onlyBelow: flags["only-below"]?.map((one) => path.resolve(world.cwd, one)),
        signal: world.interrupted,
        directory: path.resolve(world.cwd, flags.directory ?? DEFAULT_DIRECTORY),
        state: path.resolve(world.cwd, flags.state ?? DEFAULT_STATE),
        identity: flags.identity ?? "kept",
        disks:
          flags["no-disks"] === true
            ? undefined
            : createDisks(world.env, { answers: flags["answer-passphrases"] === true }),
        credentials: createCredentialSockets(world.env),
        seed: flags["no-derive"] === true ? undefined : seedSource(flags, world),
      });
      if (summary === null) return undefined;
      const { installed, withdrawn, failures } = summary;
      const line = `${installed} installed, ${withdrawn} withdrawn, ${failures.length} failed`;
      const rows = failures.map(({ key, path: file, message }) => [key, file, message]);
      out.show(summary, {
        blocks: [
          { kind: "lines", lines: [line] },
          { kind: "table", head: ["FAILED", "PATH", "WHY"], rows },
        ],
        names: failures.map(({ key }) => key),
      });
      return failures.length === 0 ? 0 : 1;
    },
  }),
);

interface JoiningFlags {
  readonly server?: string;
  readonly "other-server"?: readonly string[];
  readonly "ca-fingerprint"?: string;
  readonly cacert?: string;
  readonly "join-token-file"?: string;
  readonly name?: string;
  readonly state?: string;
  readonly identity?: string;
}

function joiningOf(flags: JoiningFlags, { env, cwd }: Pick<World, "env" | "cwd">) {
  const ca = flags.cacert ?? variable(env, "KEYWARD_CACERT");
  return present({
    address: flags.server ?? variable(env, "KEYWARD_ADDR"),
    others: flags["other-server"],
    fingerprint: flags["ca-fingerprint"]?.toLowerCase().replaceAll(":", ""),
    ca: ca === undefined ? undefined : readPem(path.resolve(cwd, ca)),
    name: flags.name,
    token: joinToken(flags, cwd),
  });
}

/** After the first time the file may be gone: the token has been used up. */
function joinToken(flags: JoiningFlags, cwd: string): Secret | undefined {
  const file = flags["join-token-file"];
  if (file === undefined) return undefined;
  const place = path.resolve(cwd, file);
  // Who is known by a seed may have enrolled on an earlier boot, of which nothing is left here.
  const mayBeKnown =
    flags.identity === "derived" ||
    existsSync(path.resolve(cwd, flags.state ?? DEFAULT_STATE, "server.json"));
  return mayBeKnown && !existsSync(place) ? undefined : readPrivate(place, "join token file");
}
