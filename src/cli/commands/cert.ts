/** `keyward cert`: certificates for other programs, and for operators who sign in with one. */
import path from "node:path";
import type { ResponseOf } from "../../api/shapes.ts";
import { utf8 } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { act } from "../../command/command.ts";
import type { Block } from "../../command/output.ts";
import { everyPage, paging } from "../../command/paging.ts";
import { period, present } from "../../command/read-flags.ts";
import { readSecret } from "../../command/read-secret.ts";
import { state, time } from "../../command/view.ts";
import { assertAbsent, writeNew } from "../../command/write-file.ts";
import { runnable } from "../run.ts";

type Certificate = ResponseOf<"cert.revoke">;

const MAX_REQUEST = 16_384;

const list = act({
  summary: "List certificates that were signed for others than nodes",
  words: [],
  flags: { ...paging },
  calls: ["cert.list"],
  examples: ["keyward cert list"],
  async run(session, { flags }) {
    const certs = await everyPage(flags, async (page) => {
      const answer = await session.call("cert.list", { query: present(page) });
      return { items: answer.certs, more: answer.more, last: answer.certs.at(-1)?.serial };
    });
    const rows = certs.map((one) => [
      one.serial,
      one.subject,
      one.names.join(","),
      time(one.notAfter),
      one.revoked === undefined ? "" : state("revoked"),
      one.by,
    ]);
    session.out.show(
      { certs },
      {
        blocks: [{ kind: "table", head: ["SERIAL", "SUBJECT", "NAMES", "UNTIL", "STATE", "BY"], rows }],
        names: certs.map((one) => one.serial),
      },
    );
  },
});

const sign = act({
  summary: "Sign a certificate request",
  words: ["[FILE]"],
  flags: {
    ttl: { type: "string", value: "TIME", help: "How long the certificate is good, as 30d" },
    usage: {
      type: "string",
      multiple: true,
      value: "USE",
      choices: ["client", "server"],
      help: "What it is for: client, server; may be repeated",
    },
    operator: {
      type: "string",
      value: "NAME",
      help: "It signs in as this operator, with the rules of --rule",
    },
    rule: { type: "string", multiple: true, value: "RULE", help: "With --operator: what it allows" },
    out: { type: "string", value: "FILE", help: "Write the certificate to this new file" },
  },
  calls: ["cert.sign"],
  examples: [
    "keyward cert sign api.csr --usage server --out api.pem",
    "keyward cert sign alice.csr --operator alice --rule orders-team --ttl 30d > alice.pem",
  ],
  notes: [
    "Without FILE the request is read from stdin.",
    "Which names you may sign for, your rules say, in the form of keyward cert list: api.example.com is dns/com/example/api there, so cert:sign@dns/com/example/ allows all below example.com; addresses are ip/192.0.2.1, e-mail addresses and others likewise.",
  ],
  async run({ call, out, world, dryRun }, { words: [file], flags }) {
    const target = flags.out === undefined ? undefined : path.resolve(world.cwd, flags.out);
    if (target !== undefined) assertAbsent(target, "file");
    using csr = await readSecret(world, file, { what: "request", limit: MAX_REQUEST, chomp: false });
    const body = present({
      csr: new TextDecoder().decode(csr.reveal()),
      ttl: period(flags.ttl),
      usage: usagesOf(flags.usage),
      operator: operatorOf(flags.operator, flags.rule),
    });
    const answer = await call("cert.sign", { body });
    const kept = target !== undefined && !dryRun;
    if (kept) writeNew(target, "file", utf8(answer.pem), 0o644);
    const lines = kept ? [`wrote ${answer.info.serial} to ${flags.out}`] : answer.pem.trimEnd().split("\n");
    const told = dryRun ? [`would be signed: ${answer.info.subject}`] : lines;
    out.show(answer, { blocks: [{ kind: "lines", lines: told }], names: [answer.info.serial] });
  },
});

function usagesOf(flags: readonly string[] | undefined): ("client" | "server")[] | undefined {
  return flags?.map((use) => (use === "client" ? "client" : "server"));
}

function operatorOf(
  name: string | undefined,
  rules: readonly string[] | undefined,
): { name: string; rules: string[] } | undefined {
  if (name === undefined && rules === undefined) return undefined;
  if (name === undefined || rules === undefined)
    throw new KeywardError("usage", "--operator and --rule go together");
  return { name, rules: [...rules] };
}

const revoke = act({
  summary: "Revoke a certificate by its serial number",
  words: ["SERIAL"],
  flags: {},
  calls: ["cert.revoke"],
  examples: ["keyward cert list", "keyward cert revoke SERIAL"],
  notes: ["It is refused at once by the server and stands in the list that keyward ca crl prints."],
  async run({ call, out, dryRun }, { words: [typed = ""] }) {
    // As keyward cert list shows it; openssl and browsers write capitals and colons.
    const serial = typed.replaceAll(":", "").toLowerCase();
    const answer = await call("cert.revoke", { path: { serial } });
    out.show(answer, { blocks: revokedBlocks(answer, dryRun), names: [serial] });
  },
});

function revokedBlocks({ serial, subject }: Certificate, dryRun: boolean): Block[] {
  return [{ kind: "lines", lines: [`${dryRun ? "would be revoked" : "revoked"}: ${serial}, ${subject}`] }];
}

export const command = runnable("cert", {
  summary: "Certificates for other programs and for operators.",
  acts: { list, sign, revoke },
});
