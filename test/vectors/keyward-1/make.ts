/** Makes vectors.json: `node test/vectors/keyward-1/make.ts > test/vectors/keyward-1/vectors.json`. */
import { toHex } from "../../../src/base/bytes.ts";
import { Secret } from "../../../src/base/secret.ts";
import { derive, encodeLabel, type Label, seedId } from "../../../src/derive/keyward-1/keyward-1.ts";

const seed = Uint8Array.from({ length: 32 }, (_, i) => i);
const labels: Label[] = [
  { realm: "web-1/ssh", kind: { kind: "ed25519" }, purpose: "ssh-host", version: 1 },
  { realm: "web-1/ssh", kind: { kind: "ed25519" }, purpose: "ssh-host", version: 2 },
  { realm: "web-1/ssh", kind: { kind: "ed25519" }, purpose: "", version: 1 },
  { realm: "web-1/tls", kind: { kind: "p256" }, purpose: "", version: 1 },
  { realm: "web-1/tls", kind: { kind: "p384" }, purpose: "", version: 1 },
  { realm: "web-1/vpn", kind: { kind: "wireguard" }, purpose: "", version: 1 },
  { realm: "web-1/vpn", kind: { kind: "x25519" }, purpose: "", version: 1 },
  { realm: "web-1/disk", kind: { kind: "luks" }, purpose: "data", version: 1 },
  { realm: "web-1/raw", kind: { kind: "raw", length: 16 }, purpose: "", version: 1 },
  { realm: "web-1/raw", kind: { kind: "raw", length: 17 }, purpose: "", version: 1 },
  { realm: "łódź/żółw", kind: { kind: "raw", length: 16 }, purpose: "", version: 4294967295 },
  { realm: "web-1/root", kind: { kind: "password", policy: { length: 20, classes: ["lower", "upper", "digit"] } }, purpose: "", version: 1 },
  { realm: "web-1/root", kind: { kind: "password", policy: { length: 24, classes: ["lower", "upper", "digit", "special"] } }, purpose: "", version: 1 },
  { realm: "web-1/pin", kind: { kind: "password", policy: { length: 8, classes: ["digit"] } }, purpose: "", version: 1 },
];
console.log(
  JSON.stringify(
    {
      origin: "made by src/derive/keyward-1 of this repository; see docs/formats/keyward-1.md",
      seed: toHex(seed),
      seedId: seedId(Secret.copy(seed)),
      cases: labels.map((label) => ({ label, encoded: toHex(encodeLabel(label)), result: toHex(derive(Secret.copy(seed), label).reveal()) })),
    },
    null,
    1,
  ),
);
