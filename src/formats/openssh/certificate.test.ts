import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { isKeywardError } from "../../base/errors.ts";
import { ed25519PublicKey } from "../../crypto/sign.ts";
import {
  decodeCertificate,
  encodeKrl,
  formatCertificateLine,
  parseCertificateLine,
  parsePublicLine,
  type SshCertificate,
  type SshPublicKey,
  signCertificate,
} from "./openssh.ts";

const folder = mkdtempSync(join(tmpdir(), "ssh-certificate-"));
after(() => rmSync(folder, { recursive: true }));

const ca = new Uint8Array(32).fill(7);
const caKey: SshPublicKey = { kind: "ed25519", key: ed25519PublicKey(ca) };
const nonce = new Uint8Array(32).fill(1);

function keygen(...words: string[]): string {
  const { status, stdout, stderr } = spawnSync("ssh-keygen", words, { cwd: folder, encoding: "utf8" });
  assert.ok(status === 0 || words[0] === "-Q", stderr);
  return stdout;
}

function makeKey(name: string, ...type: string[]): SshPublicKey {
  keygen("-q", "-N", "", "-C", "", "-f", name, ...type);
  return parsePublicLine(readFileSync(join(folder, `${name}.pub`), "utf8").trim()).key;
}

const certificate = (key: SshPublicKey, more: Partial<SshCertificate> = {}): SshCertificate => ({
  key,
  serial: 42n,
  type: "user",
  keyId: "keyward:db1",
  principals: ["deploy", "root"],
  validFrom: 1_700_000_000,
  validUntil: 1_700_000_300,
  critical: { "source-address": "10.0.0.0/8", "force-command": "internal-sftp" },
  extensions: ["permit-pty"],
  ...more,
});

for (const [name, ...type] of [
  ["ed25519", "-t", "ed25519"],
  ["rsa", "-t", "rsa", "-b", "2048"],
  ["p256", "-t", "ecdsa", "-b", "256"],
  ["p384", "-t", "ecdsa", "-b", "384"],
  ["p521", "-t", "ecdsa", "-b", "521"],
] as const) {
  test(`ssh-keygen reads what is signed for a key of ${name}, and we read it back`, () => {
    const content = certificate(makeKey(name, ...type));
    const bytes = signCertificate(content, ca, nonce);
    const line = formatCertificateLine(bytes, "a comment");
    writeFileSync(join(folder, `${name}-cert.pub`), `${line}\n`);
    const shown = keygen("-L", "-f", `${name}-cert.pub`);
    assert.match(shown, /user certificate/);
    assert.match(shown, /Key ID: "keyward:db1"\n\s+Serial: 42\n/);
    assert.match(shown, /Principals: \n\s+deploy\n\s+root\n/);
    assert.match(shown, /force-command internal-sftp\n\s+source-address 10\.0\.0\.0\/8\n/);
    assert.match(shown, /Extensions: \n\s+permit-pty/);
    assert.match(shown, /Signing CA: ED25519 SHA256:/);
    assert.deepEqual(decodeCertificate(parseCertificateLine(line)), { ...content, ca: caKey });
  });
}

test("a certificate that ssh-keygen signed is read", () => {
  keygen("-q", "-N", "", "-t", "ed25519", "-f", "their-ca");
  makeKey("host", "-t", "ed25519");
  keygen("-q", "-s", "their-ca", "-h", "-I", "web1", "-n", "web1,web1.example.com", "-z", "7", "host.pub");
  const read = decodeCertificate(parseCertificateLine(readFileSync(join(folder, "host-cert.pub"), "utf8")));
  assert.equal(read.type, "host");
  assert.deepEqual(read.principals, ["web1", "web1.example.com"]);
  assert.equal(read.serial, 7n);
  assert.equal(read.validUntil, Number.POSITIVE_INFINITY);
});

test("each truncation and each changed byte of a certificate is refused", () => {
  const bytes = signCertificate(certificate(caKey), ca, nonce);
  for (let length = 0; length < bytes.length; length++)
    assert.throws(() => decodeCertificate(bytes.subarray(0, length)), isKeywardError);
  for (let at = 0; at < bytes.length; at++)
    assert.throws(
      () => decodeCertificate(bytes.map((byte, i) => (i === at ? byte ^ 1 : byte))),
      (error) => isKeywardError(error),
      `byte ${at}`,
    );
});

test("a certificate for nobody, without an end, or with a name that is two is not signed", () => {
  for (const more of [
    { principals: [] },
    { principals: ["a,b"] },
    { principals: ["a b"] },
    { keyId: "" },
    { validUntil: 1_700_000_000 },
    { validUntil: Number.POSITIVE_INFINITY },
    { extensions: ["a\nb"] },
  ])
    assert.throws(
      () => signCertificate(certificate(caKey, more), ca, nonce),
      (error) => isKeywardError(error, "usage"),
      JSON.stringify(more),
    );
});

test("ssh-keygen finds in a revocation list what was revoked, and nothing else", () => {
  const plain = makeKey("plain", "-t", "ed25519");
  makeKey("good", "-t", "ed25519");
  for (const serial of [5n, 6n, 2n ** 40n]) {
    const line = formatCertificateLine(signCertificate(certificate(caKey, { serial }), ca, nonce));
    writeFileSync(join(folder, `serial-${serial}-cert.pub`), `${line}\n`);
  }
  const krl = encodeKrl({
    version: 3n,
    at: 1_700_000_000,
    comment: "keyward",
    serials: [{ ca: caKey, numbers: [2n ** 40n, 5n, 5n] }],
    keys: [plain],
  });
  writeFileSync(join(folder, "krl"), krl);
  const files = [
    "serial-5-cert.pub",
    "serial-6-cert.pub",
    `serial-${2n ** 40n}-cert.pub`,
    "plain.pub",
    "good.pub",
  ];
  const answers = files.map((file) => /: (REVOKED|ok)$/m.exec(keygen("-Q", "-f", "krl", file))?.[1]);
  assert.deepEqual(answers, ["REVOKED", "ok", "REVOKED", "REVOKED", "ok"]);
  assert.match(keygen("-Q", "-l", "-f", "krl"), /KRL version 3/);
});
