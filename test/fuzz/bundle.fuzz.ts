/** The offline bundle: the sealed form, and the plain text that only its own host can have written. */
import { Secret } from "../../src/base/secret.ts";
import type { DurationMs, UnixMs } from "../../src/base/time.ts";
import { hostKey, type OfflineBundle, openBundle, sealBundle } from "../../src/formats/bundle/bundle.ts";
import { decodeContent, encodeContent } from "../../src/formats/bundle/content.ts";
import { type GrantId, parseInstallPath } from "../../src/model/grant.ts";
import type { DerivedAs, VersionNumber } from "../../src/model/key.ts";
import { parseKeyName, parseNodeName } from "../../src/model/name.ts";
import { parseVolumeName } from "../../src/model/volume.ts";

const host = hostKey(new Uint8Array(32), "0123456789abcdef0123456789abcdef");

const derived: DerivedAs = {
  derivation: {
    scheme: "keyward-1",
    realm: "root",
    kind: { kind: "password", policy: { length: 20, classes: ["lower", "special"], specials: "-_" } },
    purpose: "",
  },
  encoding: "text",
};

const bundle: OfflineBundle = {
  node: parseNodeName("db1"),
  confirmed: 1_795_000_000_000 as UnixMs,
  entries: ["a", "b", "c"].map((name) => ({
    grant: `g-${name}` as GrantId,
    key: parseKeyName(`db/${name}`),
    version: 1 as VersionNumber,
    delivery: {
      kind: "file",
      path: parseInstallPath(`db/${name}.key`),
      owner: "app",
      mode: 0o440,
      run: ["systemctl", "reload", name],
      offline: 3_600_000 as DurationMs,
    },
    ...(name === "c" ? { derived } : {}),
    value: Secret.fromText(name === "c" ? "" : "swordfish"),
  })),
};

/** As a copy of a volume's key is kept. */
const volume: OfflineBundle = {
  ...bundle,
  entries: [
    {
      grant: "g-d" as GrantId,
      key: parseKeyName("disk/db1"),
      version: 3 as VersionNumber,
      delivery: { kind: "unlock", name: parseVolumeName("data"), offline: 3_600_000 as DurationMs },
      value: Secret.fromText("swordfish"),
    },
  ],
};

const content = encodeContent(bundle).reveal();

export default {
  name: "formats/bundle",
  examples: [
    content,
    encodeContent(volume).reveal(),
    sealBundle(bundle, host, (length) => new Uint8Array(length)),
  ],
  run(bytes: Uint8Array): void {
    if (bytes[0] === 0x4b) openBundle(bytes, host);
    else decodeContent(bytes);
  },
};
