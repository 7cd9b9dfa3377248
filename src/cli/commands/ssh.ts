/** `keyward ssh`: who Keyward is to hosts, and SSH certificates by its CA. */
import path from "node:path";
import { fromBase64, utf8 } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { act } from "../../command/command.ts";
import { everyPage, paging } from "../../command/paging.ts";
import { period, present } from "../../command/read-flags.ts";
import { readSecret } from "../../command/read-secret.ts";
import { state, time } from "../../command/view.ts";
import { assertAbsent, writeNew } from "../../command/write-file.ts";
import { runnable } from "../run.ts";

const authorize = act({
  summary: "Print the line of authorized_keys that lets Keyward push, and nothing else",
  words: [],
  flags: {
    run: {
      type: "string",
      multiple: true,
      value: "JSON",
      help: 'A program that grants may run there, as \'["systemctl","reload","nginx"]\'; may be repeated',
    },
  },
  calls: ["ssh.keys"],
  examples: [
    "keyward ssh authorize >> /root/.ssh/authorized_keys",
    `keyward ssh authorize --run '["systemctl","reload","nginx"]'`,
  ],
  notes: [
    "With this line the key gets sshd's file server and the programs that are named, with just these arguments; no terminal, no forwarding. Whoever writes files as root can do anything in the end: where that is too much, give Keyward a user of its own that owns /run/keyward/keys.",
  ],
  async run({ call, out }, { flags }) {
    const { push } = await call("ssh.keys", {});
    const { authorizedOptions } = await import("../../adapters/ssh/arguments.ts");
    const { parseProgram } = await import("../program.ts");
    const line = `${authorizedOptions((flags.run ?? []).map(parseProgram))} ${push}`;
    out.show({ line }, { blocks: [{ kind: "lines", lines: [line] }], names: [line] });
  },
});

const ca = act({
  summary: "Print the public key of Keyward's SSH CA",
  words: [],
  flags: {},
  calls: ["ssh.keys"],
  examples: ["keyward ssh ca > /etc/ssh/keyward-ca.pub"],
  notes: [
    "For users' certificates sshd wants: TrustedUserCAKeys /etc/ssh/keyward-ca.pub. For hosts' a line in known_hosts: @cert-authority *.example.com KEY.",
  ],
  async run({ call, out }) {
    const keys = await call("ssh.keys", {});
    out.show({ ca: keys.ca }, { blocks: [{ kind: "lines", lines: [keys.ca] }], names: [keys.ca] });
  },
});

const sign = act({
  summary: "Sign an SSH certificate for a user or a host",
  words: ["[FILE]"],
  flags: {
    user: {
      type: "string",
      multiple: true,
      value: "NAME",
      help: "For a user: who it may log in as; may be repeated",
    },
    host: { type: "string", multiple: true, value: "NAME", help: "For a host: its names; may be repeated" },
    ttl: {
      type: "string",
      value: "TIME",
      help: "How long it is good; 5m for users, 90d for hosts unless given",
    },
    "force-command": { type: "string", value: "COMMAND", help: "Whatever is asked for, this runs" },
    "source-address": { type: "string", value: "CIDR", help: "Good from these addresses alone" },
    out: { type: "string", value: "FILE", help: "Write it to this new file" },
  },
  calls: ["ssh.sign"],
  examples: [
    "keyward ssh sign ~/.ssh/id_ed25519.pub --user deploy > ~/.ssh/id_ed25519-cert.pub",
    "keyward ssh sign ssh_host_ed25519_key.pub --host web1 --host web1.example.com --out ssh_host_ed25519_key-cert.pub",
  ],
  notes: [
    "Without FILE the public key is read from stdin. The rule is cert:sign on ssh-user/NAME or ssh-host/NAME.",
  ],
  async run({ call, out, world, dryRun }, { words: [file], flags }) {
    const target = flags.out === undefined ? undefined : path.resolve(world.cwd, flags.out);
    if (target !== undefined) assertAbsent(target, "file");
    typeOf(flags.user, flags.host);
    using key = await readSecret(world, file, { what: "public key", limit: 8192, chomp: true });
    const type = typeOf(flags.user, flags.host);
    const answer = await call("ssh.sign", {
      body: present({
        type,
        publicKey: Buffer.from(key.reveal()).toString("utf8"),
        principals: [...(flags.user ?? []), ...(flags.host ?? [])],
        ttl: period(flags.ttl),
        forceCommand: flags["force-command"],
        sourceAddress: flags["source-address"],
      }),
    });
    if (target !== undefined && !dryRun) writeNew(target, "file", utf8(`${answer.line}\n`));
    const { serial, principals, notAfter } = answer.info;
    const said = `signed ${serial} for ${principals.join(", ")} until ${time(notAfter)}`;
    out.show(answer, {
      blocks: [{ kind: "lines", lines: [target === undefined ? answer.line : said] }],
      names: [serial],
    });
  },
});

/** @throws KeywardError `usage`: a certificate is one or the other. */
function typeOf(users: readonly string[] = [], hosts: readonly string[] = []): "user" | "host" {
  if ((users.length === 0) === (hosts.length === 0))
    throw new KeywardError("usage", "want --user or --host, and not both: a certificate is one or the other");
  return hosts.length === 0 ? "user" : "host";
}

const list = act({
  summary: "List SSH certificates that were signed",
  words: [],
  flags: { ...paging },
  calls: ["ssh.list"],
  examples: ["keyward ssh list"],
  async run(session, { flags }) {
    const certs = await everyPage(flags, async (page) => {
      const answer = await session.call("ssh.list", { query: present(page) });
      return { items: answer.certs, more: answer.more, last: answer.certs.at(-1)?.serial };
    });
    const rows = certs.map((one) => [
      one.serial,
      one.type,
      one.principals.join(","),
      time(one.notAfter),
      one.revoked === undefined ? "" : state("revoked"),
      one.by,
    ]);
    session.out.show(
      { certs },
      {
        blocks: [{ kind: "table", head: ["SERIAL", "TYPE", "NAMES", "UNTIL", "STATE", "BY"], rows }],
        names: certs.map((one) => one.serial),
      },
    );
  },
});

const revoke = act({
  summary: "Revoke an SSH certificate by its serial number",
  words: ["SERIAL"],
  flags: {},
  calls: ["ssh.revoke"],
  examples: ["keyward ssh revoke 8123456789"],
  notes: ["Hosts learn of it by the list: keyward ssh krl."],
  async run({ call, out, dryRun }, { words: [serial = ""] }) {
    const answer = await call("ssh.revoke", { path: { serial } });
    const line = `${dryRun ? "would be revoked" : "revoked"}: ${answer.serial}`;
    out.show(answer, { blocks: [{ kind: "lines", lines: [line] }], names: [serial] });
  },
});

const krl = act({
  summary: "Write the key revocation list that sshd reads",
  words: [],
  flags: { out: { type: "string", value: "FILE", help: "Write it to this new file instead of a pipe" } },
  calls: ["ssh.krl"],
  examples: ["keyward ssh krl > /etc/ssh/keyward.krl"],
  notes: ["sshd wants: RevokedKeys /etc/ssh/keyward.krl"],
  async run({ call, out, world }, { flags }) {
    const target = flags.out === undefined ? undefined : path.resolve(world.cwd, flags.out);
    if (target !== undefined) assertAbsent(target, "file");
    const answer = await call("ssh.krl", {});
    const bytes = fromBase64(answer.krl, "revocation list");
    if (target !== undefined) {
      writeNew(target, "file", bytes);
      out.show(
        { file: flags.out },
        { blocks: [{ kind: "lines", lines: [`wrote ${flags.out}`] }], names: [flags.out ?? ""] },
      );
    } else if (out.format === "table") out.bytes(bytes);
    else out.show(answer, { blocks: [], names: [] });
  },
});

export const command = runnable("ssh", {
  summary: "SSH: who Keyward is to hosts, and certificates by its SSH CA.",
  acts: { authorize, ca, sign, list, revoke, krl },
});
