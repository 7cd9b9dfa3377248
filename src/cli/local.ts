/** Local: the API over a store of this machine, opened for one command. */
import type { Api } from "../api/api.ts";
import { type Operation, type OperationName, operations } from "../api/operations.ts";
import { isKeywardError, KeywardError } from "../base/errors.ts";
import { createKeyService } from "../command/key-service.ts";
import type { World } from "../command/world.ts";
import type { Kms } from "../model/kms.ts";
import { createLocalApi } from "../server/local.ts";
import type { Parts } from "../server/parts.ts";
import { createService } from "../server/serving.ts";
import { localPrincipal, openHouse, quietLog, sealKindsOf, unsealByFile } from "./serve.ts";
import { sshMeans } from "./ssh-means.ts";

/** @throws KeywardError `busy`, `integrity`, `local` */
export async function openLocal(data: string, world: World): Promise<Api> {
  const kms = createKeyService(world);
  const parts = await openHouse(data, quietLog, { kms, ssh: () => sshMeans(world) });
  const service = createService(parts);
  const close = async (): Promise<void> => {
    service.close();
    await parts.close();
  };
  const api = createLocalApi({ dispatch: service.dispatch, close }, localPrincipal());
  return unsealing(api, createUnseal(parts, data, world, kms));
}

/** Opens the seal when an operation needs it; a passphrase is asked for only then. */
function createUnseal(
  parts: Parts,
  data: string,
  world: World,
  kms: Kms,
): (needed: boolean) => Promise<void> {
  return async (needed) => {
    if (parts.rootKey.state !== "sealed") return;
    if ((await unsealByFile(parts, data)) || !needed) return;
    const kinds = await sealKindsOf(parts);
    if (kinds.has("aws-kms")) {
      try {
        await parts.rootKey.unseal({ kind: "aws-kms", kms });
        await parts.afterUnseal();
        return;
      } catch (error) {
        // The passphrase is for the day when the service does not answer.
        if (!kinds.has("passphrase")) throw error;
      }
    }
    using passphrase = await world.askSecret("passphrase: ").catch(explainNoTerminal);
    await parts.rootKey.unseal({ kind: "passphrase", passphrase });
    await parts.afterUnseal();
  };
}

/** Standard input may be taken by a value: the passphrase is not read from there. */
function explainNoTerminal(error: unknown): never {
  if (!isKeywardError(error) || error.code !== "usage") throw error;
  throw new KeywardError(
    "sealed",
    "the store is sealed by a passphrase, and there is no terminal to ask at",
    {
      hint: "start the server, and open its seal: keyward server; then keyward unseal < FILE",
      cause: error,
    },
  );
}

function unsealing(api: Api, unseal: (needed: boolean) => Promise<void>): Api {
  const before = async (operation: OperationName): Promise<void> => {
    if (operation === "seal.seal" || operation === "seal.unseal") throw noServer();
    await unseal((operations[operation] as Operation).whileSealed !== true);
  };
  return {
    async call(operation, request) {
      await before(operation);
      return await api.call(operation, request);
    },
    async *stream(operation, request, signal) {
      await before(operation);
      yield* api.stream(operation, request, signal);
    },
    async text(operation) {
      await before(operation);
      return await api.text(operation);
    },
    close: () => api.close(),
  };
}

function noServer(): KeywardError {
  return new KeywardError("usage", "no server runs on this store: there is nothing to seal or unseal", {
    hint: "without a server each command opens the seal for itself",
  });
}
