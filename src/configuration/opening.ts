/** Which opener a command has: the daemon when its address is known, the keys at hand otherwise. */
import type { Asker } from "../client/secretary.ts";
import { present } from "../command/read-flags.ts";
import type { World } from "../command/world.ts";
import { systemRandom } from "../crypto/random.ts";
import type { Kms } from "../model/kms.ts";
import { createOpening, type OpeningNeeds } from "../secretary/opening.ts";
import { findHpkeKeys } from "./hpke-keys.ts";
import { keysForDaemon, keysToOpen, type TypedKeys } from "./keys.ts";
import { kmsContextOf } from "./kms-context.ts";
import { daemonOpener, localOpener, type Opener } from "./opener.ts";

export interface DaemonNeeds {
  readonly url: string;
  readonly asker: Asker;
  readonly keys: TypedKeys;
  /** Empty: as the system has them. */
  readonly caFile: string;
  /** Take no answer that is not tied to its request. */
  readonly strict: boolean;
}

export interface OpenerNeeds extends DaemonNeeds {
  /** Of the daemon; empty: open here. */
  readonly url: string;
}

/** Keys are looked for, and their absence told, before any input is read. @throws KeywardError */
export async function createOpener(needs: OpenerNeeds, world: World): Promise<Opener> {
  if (needs.url !== "") return await createDaemonOpener(needs, world);
  const { master, config } = keysToOpen(needs.keys, world);
  const nacl = { masters: master === null ? [] : [master], configs: config === null ? [] : [config] };
  return createLocalOpener({ ...nacl, ...present({ hpke: findHpkeKeys(world) ?? undefined }) }, world);
}

export function createLocalOpener(keys: Omit<OpeningNeeds, "kms">, world: Pick<World, "env">): Opener {
  const kms = lazyKms(world);
  return localOpener(createOpening({ ...keys, kms }), () => kms.close());
}

/** HTTP and TLS are loaded only here. @throws KeywardError */
export async function createDaemonOpener(needs: DaemonNeeds, world: World): Promise<Opener> {
  const { url, asker, strict, caFile } = needs;
  const keys = keysForDaemon(needs.keys, world);
  const [{ createDaemonClient }, { trustedCertificates }] = await Promise.all([
    import("../client/secretary.ts"),
    import("./trust.ts"),
  ]);
  const ca = url.startsWith("https:") ? trustedCertificates(caFile, world) : null;
  const client = createDaemonClient({
    ...{ url, asker, strict, keys, random: systemRandom, clock: world.clock, proxies: world.env },
    ...(ca === null ? {} : { ca }),
  });
  return daemonOpener(client);
}

/** The AWS SDK is loaded when the first `ENC[KMS,…]` is met. */
function lazyKms(world: Pick<World, "env">): Pick<Kms, "decrypt" | "close"> {
  const context = kmsContextOf(world.env);
  let kms: Promise<Kms> | undefined;
  return {
    async decrypt(blob, options) {
      kms ??= import("../command/key-service.ts").then(({ createKeyService }) => createKeyService(world));
      return await (await kms).decrypt(blob, { ...options, context });
    },
    close() {
      kms?.then(
        (one) => one.close(),
        () => {},
      );
    },
  };
}
