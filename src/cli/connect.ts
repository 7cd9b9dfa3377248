/**
 * Connect: from a target to the API. A local store that a server holds is reached through that server when
 * the caller may read the token it left for its owner: who can read that could read the store itself.
 */
import type { Api } from "../api/api.ts";
import { KeywardError } from "../base/errors.ts";
import type { ServerTarget, Target } from "../command/target.ts";
import type { World } from "../command/world.ts";
import { findServerBeside } from "./data-directory.ts";

/** @throws KeywardError `usage`, `local`, `unreachable` */
export async function connect(target: Target, world: World): Promise<Api> {
  if (target.kind === "server") return await connectToServer(target);
  const beside = findServerBeside(target.data);
  if (beside !== null) return await connectToServer(beside);
  const { openLocal } = await import("./local.ts");
  return await openLocal(target.data, world);
}

async function connectToServer({ address, ca, token, identity }: ServerTarget): Promise<Api> {
  if (ca.length === 0)
    throw new KeywardError("usage", `${address}: no CA to trust is known`, {
      hint: `run: keyward login ${address} --ca-fingerprint FINGERPRINT; or set KEYWARD_CACERT`,
    });
  const { createClient } = await import("../client/client.ts");
  return createClient({
    address,
    ca,
    ...(token === undefined ? {} : { token }),
    ...(identity === undefined ? {} : { cert: identity.certificate, key: identity.key }),
  });
}
