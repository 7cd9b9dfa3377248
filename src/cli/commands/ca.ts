/** `keyward ca`: the certificates to trust. */

import type { ResponseOf } from "../../api/shapes.ts";
import { act } from "../../command/command.ts";
import type { Block } from "../../command/output.ts";
import { period, present } from "../../command/read-flags.ts";
import { time } from "../../command/view.ts";
import { runnable } from "../run.ts";

const show = act({
  summary: "Show the certificates to trust, with their fingerprints",
  words: [],
  flags: { pem: { type: "boolean", help: "Print the certificates themselves, PEM" } },
  calls: ["ca.show"],
  examples: ["keyward ca show", "keyward ca show --pem > keyward-ca.pem"],
  async run({ call, out }, { flags }) {
    const answer = await call("ca.show", {});
    const lines = answer.certificates.flatMap(({ pem }) => pem.trimEnd().split("\n"));
    const blocks: Block[] = flags.pem === true ? [{ kind: "lines", lines }] : [tableOf(answer)];
    out.show(answer, { blocks, names: answer.certificates.map((one) => one.fingerprint) });
  },
});

function tableOf({ certificates }: ResponseOf<"ca.show">): Block {
  return {
    kind: "table",
    head: ["STATE", "UNTIL", "SHA-256 FINGERPRINT"],
    rows: certificates.map((one) => [one.state, time(one.trustedUntil ?? one.notAfter), one.fingerprint]),
  };
}

/** A dry run makes a CA too, and throws it away: its fingerprint means nothing. */
function withoutNew({ certificates }: ResponseOf<"ca.rotate">): ResponseOf<"ca.rotate"> {
  return { certificates: certificates.filter((one) => one.state !== "issuing") };
}

const rotate = act({
  summary: "Make a new CA; the old one stays trusted for a time",
  words: [],
  flags: { overlap: { type: "string", value: "TIME", help: "How long the old CA stays trusted, as 30d" } },
  calls: ["ca.rotate"],
  examples: ["keyward ca rotate --overlap 30d"],
  notes: ["Agents learn the new CA by their watch. Operators who pinned the old one are served all along."],
  async run({ call, out, dryRun }, { flags }) {
    const answer = await call("ca.rotate", { body: present({ overlap: period(flags.overlap) }) });
    const line = dryRun
      ? "would make a new CA, and leave these trusted"
      : "made a new CA; trusted from now on";
    const list = dryRun ? withoutNew(answer) : answer;
    out.show(answer, {
      blocks: [{ kind: "lines", lines: [line] }, tableOf(list)],
      names: answer.certificates.map((one) => one.fingerprint),
    });
  },
});

const crl = act({
  summary: "Print the certificate revocation list, PEM",
  words: [],
  flags: {},
  calls: ["ca.crl"],
  examples: ["keyward ca crl > keyward.crl"],
  async run({ text, out }) {
    const pem = await text("ca.crl");
    out.show({ pem }, { blocks: [{ kind: "lines", lines: pem.trimEnd().split("\n") }], names: ["crl"] });
  },
});

export const command = runnable("ca", {
  summary: "The certificate authority that vouches for nodes and for the server.",
  acts: { show, rotate, crl },
});
