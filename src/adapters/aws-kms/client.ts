/**
 * Client: Amazon's library for one region. The only file that imports it; loaded with the first call.
 *
 * The library's own retries are used (standard mode: exponential with jitter, throttling apart, the clock corrected
 * by the server's Date). Ours are the time limits, a limit to what an answer may hold, and that no secret goes
 * over a line without TLS, unless it ends on this machine.
 */
import { Agent } from "node:https";
import type { Readable } from "node:stream";
import { DecryptCommand, EncryptCommand, GenerateDataKeyCommand, KMSClient } from "@aws-sdk/client-kms";
import { concat } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import type { KmsContext, KmsOpened, KmsWrapped } from "../../model/kms.ts";
import { printable } from "../../model/name.ts";
import { failureOf } from "./failure.ts";
import type { AwsKmsLimits } from "./limits.ts";
import { type AwsEnvironment, agentOf, credentialsOf, regionOf } from "./settings.ts";

export interface Client {
  decrypt(blob: Uint8Array, keyId: string | undefined, context: KmsContext): Promise<KmsOpened>;
  generateDataKey(keyId: string, context: KmsContext): Promise<KmsOpened & KmsWrapped>;
  encrypt(keyId: string, plain: Secret, context: KmsContext): Promise<KmsWrapped>;
  close(): void;
}

export interface ClientNeeds {
  /** `undefined`: what the environment says. */
  readonly region: string | undefined;
  readonly environment: AwsEnvironment;
  readonly limits: AwsKmsLimits;
}

const DATA_KEY_SIZE = 32;
/** What KMS answers has 13 kB at most. */
const MAX_ANSWER = 65_536;

/** The library's answers, as far as we look at them. */
interface Reply {
  readonly Plaintext?: Uint8Array | undefined;
  readonly CiphertextBlob?: Uint8Array | undefined;
  readonly KeyId?: string | undefined;
}

/** @throws KeywardError `local` */
export function createClient({ environment, limits, ...needs }: ClientNeeds): Client {
  const region = needs.region ?? regionOf(environment);
  const credentials = credentialsOf(environment);
  const client = new KMSClient({
    ...(region === undefined ? {} : { region }),
    ...(credentials === undefined ? {} : { credentials }),
    maxAttempts: limits.tries,
    retryMode: "standard",
    streamCollector: collect,
    requestHandler: {
      connectionTimeout: limits.connectMs,
      requestTimeout: limits.tryMs,
      throwOnRequestTimeout: true,
      httpsAgent: new Agent(agentOf(environment, limits.atOnce)),
    },
  });
  client.middlewareStack.add(
    (next) => async (args) => {
      assertPrivate(args.request);
      return await next(args);
    },
    { step: "build", name: "keywardPrivateLine" },
  );

  async function call<T>(
    keyId: string | undefined,
    send: (abortSignal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const limit = AbortSignal.timeout(limits.callMs);
    try {
      // Finding credentials takes time too, and does not hear the signal.
      return await Promise.race([send(limit), rejectedBy(limit)]);
    } catch (error) {
      throw failureOf(error, await whereOf(keyId));
    }
  }

  async function whereOf(keyId: string | undefined): Promise<string> {
    const known = region ?? (await client.config.region().catch(() => "unknown"));
    return `KMS${keyId === undefined ? "" : ` key ${printable(keyId)}`}, region ${printable(known)}`;
  }

  return {
    decrypt: (blob, keyId, context) =>
      call(keyId, async (abortSignal) => {
        const input = {
          CiphertextBlob: blob,
          ...(keyId === undefined ? {} : { KeyId: keyId }),
          ...bound(context),
        };
        return openedOf(await client.send(new DecryptCommand(input), { abortSignal }));
      }),
    generateDataKey: (keyId, context) =>
      call(keyId, async (abortSignal) => {
        const input = { KeyId: keyId, NumberOfBytes: DATA_KEY_SIZE, ...bound(context) };
        const reply = await client.send(new GenerateDataKeyCommand(input), { abortSignal });
        const opened = openedOf(reply);
        try {
          if (opened.plain.length !== DATA_KEY_SIZE)
            throw malformed(`a data key of ${opened.plain.length} bytes, not ${DATA_KEY_SIZE}`);
          return { ...opened, ...wrappedOf(reply) };
        } catch (error) {
          opened.plain.wipe();
          throw error;
        }
      }),
    encrypt: (keyId, plain, context) =>
      call(keyId, async (abortSignal) => {
        const input = { KeyId: keyId, Plaintext: plain.reveal(), ...bound(context) };
        return wrappedOf(await client.send(new EncryptCommand(input), { abortSignal }));
      }),
    close: () => client.destroy(),
  };
}

/** An empty context is none: the original sends none. */
function bound(context: KmsContext): { EncryptionContext?: Record<string, string> } {
  return Object.keys(context).length === 0 ? {} : { EncryptionContext: { ...context } };
}

function openedOf({ Plaintext, KeyId }: Reply): KmsOpened {
  if (Plaintext === undefined || Plaintext.byteLength === 0)
    throw malformed("an answer without a plain text");
  const plain = Secret.take(Plaintext);
  if (KeyId !== undefined && KeyId !== "") return { plain, keyArn: KeyId };
  plain.wipe();
  throw malformed("an answer that does not say which key it is of");
}

function wrappedOf({ CiphertextBlob, KeyId }: Reply): KmsWrapped {
  if (CiphertextBlob === undefined || CiphertextBlob.byteLength === 0)
    throw malformed("an answer without a wrapped secret");
  if (KeyId === undefined || KeyId === "") throw malformed("an answer that does not say which key it is of");
  return { blob: Uint8Array.from(CiphertextBlob), keyArn: KeyId };
}

function malformed(what: string): KeywardError {
  return new KeywardError("malformed", `KMS: ${what}`);
}

/** An endpoint that was set by hand, or by whoever could write a configuration file. */
function assertPrivate(request: unknown): void {
  const { protocol, hostname } = request as { protocol?: string; hostname?: string };
  if (protocol === "https:" || ["127.0.0.1", "[::1]", "::1", "localhost"].includes(hostname ?? "")) return;
  throw new KeywardError("local", `KMS endpoint ${printable(hostname ?? "")}: is not reached by TLS`, {
    hint: "check AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_KMS, and endpoint_url in the shared configuration",
  });
}

async function collect(stream: Readable): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream) {
    length += (chunk as Uint8Array).byteLength;
    if (length > MAX_ANSWER) throw malformed(`an answer of more than ${MAX_ANSWER} bytes`);
    chunks.push(chunk as Uint8Array);
  }
  return concat(...chunks);
}

function rejectedBy(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
