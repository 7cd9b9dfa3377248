/** The server, started on the store of one directory; it leaves beside it what local commands need. */
import path from "node:path";
import { KeywardError } from "../base/errors.ts";
import { aborted } from "../command/until-aborted.ts";
import type { Kms } from "../model/kms.ts";
import type { SshMeans } from "../model/ssh-means.ts";
import { readKeyFile } from "../seal/file.ts";
import type { SealInput } from "../seal/seal.ts";
import { createLog, createTlsFile, type Parts, startServer } from "../server/server.ts";
import type { SecretarySettings } from "../server/serving-secretary.ts";
import { assertOurs, files, forgetRunning, keyFileFor, writeRunning } from "./data-directory.ts";
import { type Listen, reachableAt } from "./listen.ts";
import { openHouse, sealKindsOf } from "./serve.ts";
import { namesFor, writeCa } from "./server-names.ts";

export interface ServerCommand {
  readonly data: string;
  readonly listen: Listen;
  readonly names: readonly string[];
  readonly keyFile: string | undefined;
  /** Closed when the server stops. */
  readonly kms: Kms;
  readonly ssh: SshMeans;
  /** Absent: Secretary's clients are not answered. */
  readonly secretary?: SecretarySettings;
  readonly signal: AbortSignal;
}

/** Until the signal. @throws KeywardError `uninitialised`, `busy`, `integrity`, `local` */
export async function runServer(options: ServerCommand): Promise<void> {
  const { data, listen, signal } = options;
  assertOurs(data);
  const parts = await openHouse(data, createLog(), { kms: options.kms, ssh: () => options.ssh });
  await assertInitialised(parts, data);
  const inputs = await sealInputs(options, parts);
  const server = await startServer(parts, {
    ...listen,
    names: namesFor(listen.host, options.names),
    keep: createTlsFile(path.join(data, files.tls)),
    unseal: inputs,
    ...(options.secretary === undefined ? {} : { secretary: options.secretary }),
  });
  for (const input of inputs) if (input.kind === "file") input.content.wipe();
  writeCa(parts, data);
  parts.authority.onTrustChange(() => writeCa(parts, data));
  writeRunning(data, reachableAt({ host: listen.host, port: server.port }));
  await aborted(signal);
  forgetRunning(data);
  await server.stop();
}

async function assertInitialised(parts: Parts, data: string): Promise<void> {
  if (parts.rootKey.state !== "uninitialised") return;
  await parts.close();
  throw new KeywardError("uninitialised", `${JSON.stringify(data)}: holds no root key yet`, {
    hint: `run: keyward init --data ${data}`,
  });
}

/** What opens without a person, the key file first: it asks nobody. */
async function sealInputs({ data, keyFile, kms }: ServerCommand, parts: Parts): Promise<SealInput[]> {
  const file = keyFile ?? keyFileFor(data);
  const inputs: SealInput[] = file === null ? [] : [{ kind: "file", content: await readKeyFile(file) }];
  if ((await sealKindsOf(parts)).has("aws-kms")) inputs.push({ kind: "aws-kms", kms });
  return inputs;
}
