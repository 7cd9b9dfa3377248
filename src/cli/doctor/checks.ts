/** Checks: what `keyward doctor` looks at, one after the other, each with what it found and the next step. */
import type { OperationName } from "../../api/operations.ts";
import type { ResponseOf } from "../../api/shapes.ts";
import { isKeywardError } from "../../base/errors.ts";
import { everyPage } from "../../command/paging.ts";
import type { Session } from "../../command/session.ts";
import { time } from "../../command/view.ts";
import { createFacts, type Facts } from "../../model/facts.ts";
import { type NodeName, parseNodeName } from "../../model/name.ts";
import type { Attributes } from "../../model/node.ts";
import { compileQuery, parseQuery } from "../../model/query/query.ts";

export interface Finding {
  /** What it is about, by name. */
  readonly about: string;
  readonly finding: string;
  /** The next step: a command, or words. */
  readonly next: string;
}

export interface Check {
  readonly name: string;
  readonly calls: readonly OperationName[];
  readonly run: (ask: Asking) => Promise<Finding[]>;
}

export interface Asking extends Pick<Session<DoctorCall>, "call"> {
  readonly now: number;
  /** Asked once, however many checks look at them. */
  readonly nodes: () => Promise<readonly Node[]>;
}

export const doctorCalls = [
  "server.status",
  "seal.list",
  "ca.show",
  "cert.list",
  "inventory.list",
  "node.list",
  "grant.list",
  "plan.show",
  "audit.verify",
] as const satisfies readonly OperationName[];
export type DoctorCall = (typeof doctorCalls)[number];

type Node = ResponseOf<"node.list">["nodes"][number];

const DAY = 86_400_000;
const CA_ENDS_MS = 60 * DAY;
const CERT_ENDS_MS = 7 * DAY;
const WAITS_MS = DAY;
const STALE_MS = DAY;
/** Names that one finding holds. */
const NAMES = 5;

export const checks: readonly Check[] = [
  { name: "server", calls: ["server.status"], run: server },
  { name: "seals", calls: ["seal.list"], run: seals },
  { name: "certificates", calls: ["ca.show", "cert.list"], run: certificates },
  { name: "inventory", calls: ["inventory.list"], run: inventory },
  { name: "nodes", calls: ["node.list"], run: nodes },
  { name: "grants", calls: ["grant.list", "node.list"], run: grants },
  { name: "plan", calls: ["plan.show"], run: plan },
];

/** Reads every event: long on a large store. */
export const auditCheck: Check = { name: "audit", calls: ["audit.verify"], run: audit };

async function server({ call }: Asking): Promise<Finding[]> {
  const { state } = await call("server.status", {});
  if (state === "unsealed") return [];
  const next = state === "sealed" ? "keyward unseal" : "keyward init";
  return [{ about: "server", finding: `is ${state}: nobody gets a key`, next }];
}

async function seals({ call }: Asking): Promise<Finding[]> {
  const { seals: all } = await call("seal.list", {});
  if (all.length > 1) return [];
  const [only] = all;
  const finding =
    only === undefined
      ? "nothing protects the root key"
      : `${only.id} (${only.kind}) alone opens the root key: if it is lost, everything is`;
  return [{ about: "root key", finding, next: "keyward seal add" }];
}

async function certificates({ call, now }: Asking): Promise<Finding[]> {
  const { certificates: cas } = await call("ca.show", {});
  const ending = cas
    .filter(({ state, notAfter }) => state === "issuing" && notAfter - now < CA_ENDS_MS)
    .map(({ notAfter }) => ({ about: "CA", finding: `ends ${time(notAfter)}`, next: "keyward ca rotate" }));
  const certs = await everyPage({}, async ({ limit, after }) => {
    const answer = await call("cert.list", { query: { limit, ...(after === undefined ? {} : { after }) } });
    return { items: answer.certs, more: answer.more, last: answer.certs.at(-1)?.serial };
  });
  const soon = certs.filter(
    ({ notAfter, revoked }) => revoked === undefined && notAfter > now && notAfter - now < CERT_ENDS_MS,
  );
  const next = "if it is still used: keyward cert sign";
  return [
    ...ending,
    ...soon.map(({ subject, notAfter }) => ({
      about: subject,
      finding: `its certificate ends ${time(notAfter)}`,
      next,
    })),
  ];
}

async function inventory({ call, now }: Asking): Promise<Finding[]> {
  const { sources } = await call("inventory.list", {});
  return sources.flatMap(({ name, accepted, applying, synced }): Finding[] => [
    ...accepted.map((path) => ({
      about: `${name}.${path}`,
      finding: "is accepted: a node can write it itself, and wins keys by it",
      next: `if that is not meant: keyward inventory refuse ${name}.${path}`,
    })),
    ...(applying === true && accepted.length > 0
      ? [
          {
            about: name,
            finding: "what was accepted is not applied to all nodes",
            next: `keyward inventory accept ${accepted.map((path) => `${name}.${path}`).join(" ")}`,
          },
        ]
      : []),
    ...(synced !== undefined && now - synced > STALE_MS
      ? [
          {
            about: name,
            finding: `was last synced ${time(synced)}`,
            next: `keyward inventory sync ${name} --follow`,
          },
        ]
      : []),
  ]);
}

async function nodes({ nodes: all, now }: Asking): Promise<Finding[]> {
  const known = await all();
  const groups: readonly (readonly [(node: Node) => boolean, string, string])[] = [
    [
      ({ state, connected, push }) => state === "active" && !connected && push === undefined,
      "active, and has no connection",
      "see to its agent; or, if it is gone: keyward node revoke",
    ],
    [
      ({ state, created }) => state === "pending" && now - created > WAITS_MS,
      "pending for more than a day",
      "keyward node enrol, approve or push; or keyward node rm",
    ],
    [
      ({ state }) => state === "frozen",
      "frozen: is given nothing, and nothing is taken from it",
      "keyward node thaw or revoke",
    ],
    [
      (node) => factsOf(node) === null,
      "has more attributes than may be looked at: no grant matches it",
      "keyward node show",
    ],
  ];
  return groups.flatMap(([test, finding, next]) => {
    const names = known.filter(test).map(({ name }) => name);
    return names.length === 0 ? [] : [{ about: some(names), finding, next }];
  });
}

async function grants({ call, nodes: all }: Asking): Promise<Finding[]> {
  const { grants: given } = await call("grant.list", { query: {} });
  const facts = (await all()).map(factsOf).filter((one) => one !== null);
  return given.flatMap(({ id, key, query }) => {
    const test = compileQuery(parseQuery(query));
    if (facts.some(test)) return [];
    return [
      {
        about: id,
        finding: `${key} to ${query}: matches no node`,
        next: `keyward query test ${quote(query)}`,
      },
    ];
  });
}

async function plan({ call }: Asking): Promise<Finding[]> {
  const { lines } = await call("plan.show", { query: {} });
  if (lines.length === 0) return [];
  const names = [...new Set(lines.map(({ node }) => node))];
  return [{ about: some(names), finding: `${lines.length} changes are pending`, next: "keyward plan" }];
}

async function audit({ call }: Asking): Promise<Finding[]> {
  const { problems } = await call("audit.verify", { body: {} });
  const next = "keyward audit verify, and see docs/operations.md: the night it breaks";
  return problems.slice(0, NAMES).map(({ seq, what }) => ({ about: `event ${seq}`, finding: what, next }));
}

function factsOf({ name, attributes }: Node): Facts<NodeName> | null {
  try {
    return createFacts({
      name: parseNodeName(name),
      attributes: { ...(attributes as Attributes), reported: {} },
    });
  } catch (error) {
    if (isKeywardError(error, "too-large")) return null;
    throw error;
  }
}

function some(names: readonly string[]): string {
  const shown = names.slice(0, NAMES).join(" ");
  return names.length > NAMES ? `${shown} and ${names.length - NAMES} more` : shown;
}

function quote(query: string): string {
  return `'${query.replaceAll("'", "'\\''")}'`;
}
