/** `keyward key public`: the public halves of a derived key, one a node, as the nodes proved them. */
import type { ResponseOf } from "../../../api/shapes.ts";
import { fromBase64 } from "../../../base/bytes.ts";
import { KeywardError } from "../../../base/errors.ts";
import { act } from "../../../command/command.ts";
import { integer } from "../../../command/read-flags.ts";
import { time } from "../../../command/view.ts";
import { parseKeyName, parseNodeName, printable } from "../../../model/name.ts";
import { type PublicHalf, readPublicHalf } from "../../../seed/public-half.ts";

const formats = ["openssh", "known-hosts", "pem", "jwk", "base64"] as const;
type Format = (typeof formats)[number];
type Delivery = ResponseOf<"key.history">["deliveries"][number];

export const publicHalves = act({
  summary: "Show the public halves of a derived key, one for each node that proved it",
  words: ["NAME"],
  flags: {
    node: { type: "string", value: "NODE", help: "Of this node only" },
    version: { type: "string", value: "VERSION", help: "Of this version only" },
    format: {
      type: "string",
      short: "f",
      value: "FORM",
      choices: formats,
      help: `Print nothing but the keys: ${formats.join(", ")}`,
    },
  },
  calls: ["key.history"],
  examples: [
    "keyward key public ssh/host",
    "keyward key public ssh/host --format known-hosts > /etc/ssh/ssh_known_hosts",
    "keyward key public vpn/wireguard --node web1 --format base64",
  ],
  notes: [
    "A node shows its public half when it proves that it has the key, by a signature where the kind can sign. One whose seed turned out to be another is left out until that is settled: keyward plan says so.",
  ],
  async run({ call, out }, { words: [name = ""], flags }) {
    const { deliveries } = await call("key.history", { path: { name: parseKeyName(name) } });
    const node = flags.node === undefined ? undefined : parseNodeName(flags.node);
    const version = integer(flags.version, "--version", 1);
    const halves = deliveries.flatMap((one) => {
      const wanted = (node ?? one.node) === one.node && (version ?? one.version) === one.version;
      const half = wanted && isCurrent(one) ? shownHalf(one) : undefined;
      return half === undefined ? [] : [{ ...one, half }];
    });
    if (halves.length === 0) throw none(name, node);
    if (flags.format !== undefined) {
      const { format } = flags;
      out.bytes(Buffer.from(halves.map((one) => formatted(one, one.half, format)).join("")));
      return;
    }
    const rows = halves.map((one) => [one.node, String(one.version), time(one.proved), one.half.fingerprint]);
    const answer = halves.map(({ node: of, version: number, half: { fingerprint, pem, openssh } }) => ({
      node: of,
      version: number,
      fingerprint,
      pem,
      ...(openssh === undefined ? {} : { openssh }),
    }));
    out.show(
      { name, public: answer },
      {
        blocks: [{ kind: "table", head: ["NODE", "VERSION", "PROVED", "FINGERPRINT"], rows }],
        names: halves.map((one) => one.node),
      },
    );
  },
});

/** The public half that a node showed; `undefined` when there is none, or none that can be read. */
export function shownHalf({ node, shown }: Delivery): PublicHalf | undefined {
  if (shown?.public === undefined) return undefined;
  try {
    return readPublicHalf(fromBase64(shown.public, "public half"), node);
  } catch {
    return undefined;
  }
}

function isCurrent({ proved, withdrawn }: Delivery): boolean {
  return proved !== undefined && withdrawn === undefined;
}

/** Ends with a line break. */
function formatted({ node }: Delivery, half: PublicHalf, format: Format): string {
  switch (format) {
    case "pem":
      return half.pem;
    case "jwk":
      return `${JSON.stringify(half.jwk)}\n`;
    case "openssh":
      return `${sshLine(node, half)}\n`;
    case "known-hosts":
      return `${node} ${sshLine(node, half).split(" ", 2).join(" ")}\n`;
    case "base64":
      if (half.raw === undefined) throw unwritten(node, format);
      return `${Buffer.from(half.raw).toString("base64")}\n`;
  }
}

function sshLine(node: string, { openssh }: PublicHalf): string {
  if (openssh === undefined) throw unwritten(node, "openssh");
  return openssh;
}

function unwritten(node: string, format: string): KeywardError {
  return new KeywardError("usage", `the key of ${printable(node)}: is not written as ${format}`, {
    hint: "take --format pem",
  });
}

function none(name: string, node: string | undefined): KeywardError {
  const where = node === undefined ? "no node has" : `node ${node} has not`;
  return new KeywardError("not-found", `key ${printable(name)}: ${where} proved one with a public half`, {
    hint: `see: keyward key history ${name}`,
  });
}
