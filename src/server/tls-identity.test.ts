import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock, type UnixMs } from "../base/time.ts";
import { systemRandom } from "../crypto/random.ts";
import { createTestCa, type Pair } from "./tls-for-test.ts";
import { createTlsIdentities } from "./tls-identity.ts";

test("a kept certificate that does not say that it is the server's is replaced", async () => {
  const ca = await createTestCa();
  const [ours, other] = [await ca.server(), await ca.otherServer()];
  const names = ["localhost"];
  const trusted = [ca.pem];
  const keptAs = ({ pem, key }: Pair): string => {
    const text = Buffer.from(key.reveal()).toString("latin1");
    return JSON.stringify({ names, chain: pem + ca.pem, key: text, trusted, renew: Date.now() + 60_000 });
  };
  let kept = keptAs(other);
  const identities = createTlsIdentities({
    authority: {
      show: () => ({
        certificates: [
          { pem: ca.pem, fingerprint: ca.fingerprint, notAfter: 0 as UnixMs, state: "issuing" as const },
        ],
      }),
      serverCertificate: async () => {
        const renew = (Date.now() + 60_000) as UnixMs;
        return { chain: ours.pem + ca.pem, key: ours.key, trusted, notAfter: renew, renew };
      },
    },
    rootKey: { state: "unsealed" },
    keep: {
      read: () => kept,
      write(text) {
        kept = text;
      },
    },
    names,
    clock: systemClock,
    random: systemRandom,
  });
  assert.ok((await identities.next())?.chain.startsWith(ours.pem));
  assert.equal(await identities.next(), null);
});
