/**
 * SSH certificates for others: users and hosts, by Keyward's SSH CA. The rule is `cert:sign` on each name that the
 * certificate will bear: `ssh-user/deploy`, `ssh-host/web1.example.com`.
 */
import type { Act, Caller, Journal } from "../audit/audit.ts";
import { toBase64 } from "../base/bytes.ts";
import { KeywardError } from "../base/errors.ts";
import type { Clock, UnixMs } from "../base/time.ts";
import { encodeKrl, parsePublicLine, type SshCertificate } from "../formats/openssh/openssh.ts";
import { printable } from "../model/name.ts";
import { formatPrincipal } from "../model/principal.ts";
import type { Store } from "../store/store.ts";
import { createTable } from "../store/table.ts";
import type { Login } from "./login.ts";

export interface SshCertificateInfo {
  /** Decimal. */
  readonly serial: string;
  readonly type: "user" | "host";
  readonly keyId: string;
  readonly principals: readonly string[];
  readonly notAfter: UnixMs;
  readonly by: string;
  readonly revoked?: UnixMs;
}

export interface SshSignRequest {
  readonly type: "user" | "host";
  /** A line as in a `.pub` file. */
  readonly publicKey: string;
  readonly principals: readonly string[];
  /** Milliseconds; a user's 5 minutes, a host's 90 days unless given. */
  readonly ttl?: number | undefined;
  readonly forceCommand?: string | undefined;
  readonly sourceAddress?: string | undefined;
}

export interface SshCertificates {
  /** @throws KeywardError `usage`, `malformed`, `denied`, `sealed` */
  sign(caller: Caller, request: SshSignRequest): Promise<{ line: string; info: SshCertificateInfo }>;
  /** In order of serial number, as text, those after one. */
  list(
    caller: Caller,
    page: { readonly after: string; readonly limit: number },
  ): Promise<{ certs: SshCertificateInfo[]; more: boolean }>;
  /** @throws KeywardError `not-found` */
  revoke(caller: Caller, serial: string): Promise<SshCertificateInfo>;
  /** What sshd's `RevokedKeys` reads, base64. */
  krl(caller: Caller): Promise<string>;
}

const issued = createTable<SshCertificateInfo>("ssh-certificates/", (row) => row.serial);
const DAY = 86_400_000;
const lives = {
  user: { usual: 300_000, most: 30 * DAY },
  host: { usual: 90 * DAY, most: 398 * DAY },
} as const;
/** What a user may do with it besides: a terminal; nothing is forwarded. */
const extensions = { user: ["permit-pty"], host: [] } as const;
const BEFORE = 60_000;
const PAGE = 1000;

export interface SshCertificatesNeeds {
  readonly journal: Journal;
  readonly store: Store;
  readonly login: Login;
  readonly clock: Clock;
}

export function createSshCertificates({
  journal,
  store,
  login,
  clock,
}: SshCertificatesNeeds): SshCertificates {
  return {
    async sign(
      caller,
      { type, publicKey, principals, ttl = lives[type].usual, forceCommand, sourceAddress },
    ) {
      if (!Number.isSafeInteger(ttl) || ttl < 60_000 || ttl > lives[type].most)
        throw new KeywardError("usage", `ttl: want 1m to ${lives[type].most / DAY}d`);
      const { key } = parsePublicLine(publicKey.trim());
      const now = clock();
      const content: Omit<SshCertificate, "serial"> = {
        key,
        type,
        keyId: formatPrincipal(caller.by),
        principals,
        validFrom: Math.floor((now - BEFORE) / 1000),
        validUntil: Math.ceil((now + ttl) / 1000),
        critical: {
          ...(forceCommand === undefined ? {} : { "force-command": forceCommand }),
          ...(sourceAddress === undefined ? {} : { "source-address": sourceAddress }),
        },
        extensions: extensions[type],
      };
      const { serial, line } = await login.certify(content);
      const info: SshCertificateInfo = {
        serial: String(serial),
        type,
        keyId: content.keyId,
        principals,
        notAfter: (now + ttl) as UnixMs,
        by: formatPrincipal(caller.by),
      };
      const acts = principals.map(
        (name): Act => ({ ...caller, action: "cert:sign", resource: `ssh-${type}/${name}` }),
      );
      return await journal.actAll(acts, (tx, details) => {
        for (const detail of details) Object.assign(detail, { serial: info.serial, ssh: type });
        issued.put(tx, info);
        return { line, info };
      });
    },

    async list(caller, { after, limit }) {
      await journal.act({ ...caller, action: "cert:read", resource: "ssh" }, () => {});
      const from = after === "" ? "" : `${issued.prefix}${after}`;
      const rows = await store.range({ prefix: issued.prefix, after: from, limit: limit + 1 });
      const certs = rows.map(({ key, value }) => issued.decode(key, value));
      return { certs: certs.slice(0, limit), more: certs.length > limit };
    },

    async revoke(caller, serial) {
      const act: Act = { ...caller, action: "cert:revoke", resource: `ssh/${serial}` };
      return await journal.act(act, async (tx) => {
        const row = await issued.get(tx, serial);
        if (row === null) throw new KeywardError("not-found", `no SSH certificate ${printable(serial)}`);
        const revoked = { ...row, revoked: row.revoked ?? clock() };
        issued.put(tx, revoked);
        return revoked;
      });
    },

    async krl(caller) {
      await journal.act({ ...caller, action: "cert:read", resource: "ssh" }, () => {});
      const ca = parsePublicLine((await login.keys()).ca).key;
      const now = clock();
      const numbers: bigint[] = [];
      for (let after = ""; ; ) {
        const page = await store.range({ prefix: issued.prefix, after, limit: PAGE });
        for (const { key, value } of page) {
          const row = issued.decode(key, value);
          if (row.revoked !== undefined && row.notAfter > now) numbers.push(BigInt(row.serial));
        }
        if (page.length < PAGE) break;
        after = page.at(-1)?.key ?? after;
      }
      const list = { version: BigInt(now), at: Math.floor(now / 1000), comment: "keyward", keys: [] };
      return toBase64(encodeKrl({ ...list, serials: [{ ca, numbers }] }));
    },
  };
}
