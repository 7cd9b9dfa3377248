/**
 * AWS KMS: the key service of `model/kms.ts`, by Amazon's own client library. The library is loaded with the
 * first call, so that whoever never calls does not pay for it.
 *
 *     client.ts      the library: one client a region     failure.ts   its errors, in our words
 *     sharing.ts     equal questions are one call         turns.ts     so many calls at once
 *     settings.ts    where region and connection come from
 */
import { fields } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { canonicalJson } from "../../base/json.ts";
import { Secret } from "../../base/secret.ts";
import {
  type Kms,
  type KmsContext,
  type KmsOpened,
  MAX_KMS_BLOB,
  MAX_KMS_PLAIN,
  parseKmsKeyArn,
  parseKmsKeyId,
} from "../../model/kms.ts";
import { printable } from "../../model/name.ts";
import type { Client } from "./client.ts";
import { type AwsKmsLimits, defaultAwsKmsLimits } from "./limits.ts";
import { type AwsEnvironment, regionInside } from "./settings.ts";
import { createSharing } from "./sharing.ts";
import { createTurns } from "./turns.ts";

export { type AwsKmsLimits, defaultAwsKmsLimits } from "./limits.ts";
export type { AwsEnvironment } from "./settings.ts";

export interface AwsKmsOptions {
  /** The process's: what the library does not look up for itself is taken from here (`settings.ts`). */
  readonly environment: AwsEnvironment;
  /** ARNs of the keys that may be used; empty or absent: all. */
  readonly allow?: readonly string[];
  readonly limits?: Partial<AwsKmsLimits>;
}

/** Regions that one process speaks to. */
const MAX_REGIONS = 32;

/** @throws KeywardError `usage` when an allowed key is no key's ARN. */
export function createAwsKms(options: AwsKmsOptions): Kms {
  const limits = { ...defaultAwsKmsLimits, ...options.limits };
  const allowed = new Set((options.allow ?? []).map((arn) => parseKmsKeyArn(arn, "allowed KMS keys")));
  const clients = new Map<string, Promise<Client>>();
  const turns = createTurns(limits.atOnce);
  const sharing = createSharing(limits.keepMs);

  /** A key that names its region is asked for there. */
  function clientFor(keyId: string | undefined): Promise<Client> {
    const region = regionInside(keyId);
    const known = clients.get(region ?? "");
    if (known !== undefined) return known;
    if (clients.size >= MAX_REGIONS)
      throw new KeywardError("usage", `KMS: more than ${MAX_REGIONS} regions in one process`);
    const made = import("./client.ts").then(({ createClient }) =>
      createClient({ region, environment: options.environment, limits }),
    );
    clients.set(region ?? "", made);
    return made;
  }

  async function call<T>(keyId: string | undefined, work: (client: Client) => Promise<T>): Promise<T> {
    const client = await clientFor(keyId);
    return await turns.take(() => work(client));
  }

  function assertAllowed(keyArn: string): void {
    if (allowed.size === 0 || allowed.has(keyArn)) return;
    throw new KeywardError("denied", `KMS key ${printable(keyArn)}: is not one of the allowed keys`, {
      hint: "add its ARN to the allowed keys if it is to be trusted",
    });
  }

  async function open(blob: Uint8Array, keyId: string | undefined, context: KmsContext): Promise<KmsOpened> {
    const opened = await call(keyId, (client) => client.decrypt(blob, keyId, context));
    return allowedOnly(opened);
  }

  function allowedOnly<T extends KmsOpened>(opened: T): T {
    try {
      assertAllowed(opened.keyArn);
      return opened;
    } catch (error) {
      opened.plain.wipe();
      throw error;
    }
  }

  return {
    async decrypt(blob, { keyId, context = {} } = {}) {
      assertSize(blob.byteLength, MAX_KMS_BLOB, "wrapped secret");
      if (keyId !== undefined) parseKmsKeyId(keyId, "KMS key id");
      const question = fields(keyId ?? "", canonicalJson(context), blob);
      return await sharing.ask(question, () => open(blob, keyId, context));
    },
    async generateDataKey(keyId, context = {}) {
      parseKmsKeyId(keyId, "KMS key id");
      return allowedOnly(await call(keyId, (client) => client.generateDataKey(keyId, context)));
    },
    async encrypt(keyId, plain, context = {}) {
      parseKmsKeyId(keyId, "KMS key id");
      assertSize(plain.length, MAX_KMS_PLAIN, "secret to wrap");
      using own = Secret.copy(plain.reveal());
      const wrapped = await call(keyId, (client) => client.encrypt(keyId, own, context));
      assertAllowed(wrapped.keyArn);
      return wrapped;
    },
    close() {
      sharing.close();
      for (const client of clients.values())
        client.then(
          (one) => one.close(),
          () => {},
        );
      clients.clear();
    },
  };
}

function assertSize(length: number, limit: number, what: string): void {
  if (length === 0) throw new KeywardError("malformed", `KMS: a ${what} of no bytes`);
  if (length > limit) throw new KeywardError("too-large", `KMS: a ${what} of more than ${limit} bytes`);
}
