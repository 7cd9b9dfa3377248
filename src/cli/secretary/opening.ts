/** Which opener a command has: the daemon when its address is known, the keys at hand otherwise. */

import type { Asker } from "../../client/secretary.ts";
import { systemRandom } from "../../crypto/random.ts";
import type { Kms } from "../../model/kms.ts";
import { createOpening } from "../../secretary/opening.ts";
import type { World } from "../world.ts";
import { findHpkeKeys } from "./hpke-keys.ts";
import { keysForDaemon, keysToOpen, type TypedKeys } from "./keys.ts";
import { daemonOpener, localOpener, type Opener } from "./opener.ts";

export interface OpenerNeeds {
  /** Of the daemon; empty: open here. */
  readonly url: string;
  readonly asker: Asker;
  readonly keys: TypedKeys;
  /** Empty: as the system has them. */
  readonly caFile: string;
  /** Take no answer that is not tied to its request. */
  readonly strict: boolean;
}

/** Keys are looked for, and their absence told, before any input is read. @throws KeywardError */
export async function createOpener(needs: OpenerNeeds, world: World): Promise<Opener> {
  if (needs.url !== "") return await daemonOpenerOf(needs, world);
  const { master, config } = keysToOpen(needs.keys, world);
  const hpke = findHpkeKeys(world);
  const kms = lazyKms(world);
  const opening = createOpening({
    masters: master === null ? [] : [master],
    configs: config === null ? [] : [config],
    kms,
    ...(hpke === null ? {} : { hpke }),
  });
  return localOpener(opening, () => kms.close());
}

async function daemonOpenerOf(
  { url, asker, keys, caFile, strict }: OpenerNeeds,
  world: World,
): Promise<Opener> {
  const layers = keysForDaemon(keys, world);
  const [{ createDaemonClient }, { trustedCertificates }] = await Promise.all([
    import("../../client/secretary.ts"),
    import("./trust.ts"),
  ]);
  const ca = url.startsWith("https:") ? trustedCertificates(caFile, world) : null;
  const client = createDaemonClient({
    ...{ url, asker, strict, keys: layers, random: systemRandom, clock: world.clock, proxies: world.env },
    ...(ca === null ? {} : { ca }),
  });
  return daemonOpener(client);
}

/** The AWS SDK is loaded when the first `ENC[KMS,…]` is met. */
function lazyKms({ env }: Pick<World, "env">): LazyKms {
  let kms: Promise<Kms> | undefined;
  return {
    async decrypt(blob, options) {
      kms ??= import("./kms-sealer.ts").then(({ openKms }) => openKms(env));
      return await (await kms).decrypt(blob, options);
    },
    close() {
      kms?.then((one) => one.close());
    },
  };
}

type LazyKms = Pick<Kms, "decrypt" | "close">;
