/**
 * The client's side of Secretary's daemon: asks it to open envelopes, several in one request where the daemon
 * knows how, and believes no answer that is not to what was asked.
 */
import { toHex } from "../base/bytes.ts";
import { KeywardError } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";
import type { Clock } from "../base/time.ts";
import type { Random } from "../crypto/random.ts";
import { type Answered, openResponse, sealRequest } from "../formats/secretary/exchange.ts";
import { encodeForm } from "../formats/secretary/form.ts";
import type { LayerKeys } from "../formats/secretary/layers.ts";
import { MAX_ALSO, type Wanted } from "../formats/secretary/request.ts";
import { plainText } from "./answer.ts";
import { type Answer, createPoster, type Trust } from "./secretary-http.ts";

/** Who asks, as Marathon and Mesos know it; empty where there is none. */
export interface Asker {
  readonly appId: string;
  readonly appVersion: string;
  readonly taskId: string;
}

export interface DaemonOptions extends Trust {
  /** `http://` or `https://`, with or without a slash at the end. */
  readonly url: string;
  /** Between deploy and service keys and the daemon's master key. */
  readonly keys: LayerKeys;
  readonly asker: Asker;
  readonly random: Random;
  readonly clock: Clock;
  /** Take no answer without the request's id: only of a daemon that is known to be ours. */
  readonly strict?: boolean;
}

/** A value, which the caller wipes, or why there is none. */
export type Outcome = Secret | KeywardError;

export interface DaemonClient {
  /** One outcome for each envelope, in order. Never throws. */
  openAll(wanted: readonly Wanted[]): Promise<readonly Outcome[]>;
  close(): void;
}

/** Envelope text of one request: what daemons take is a few hundred KiB, twice in base64. */
const MAX_BATCH_LENGTH = 65_536;
/** Requests at a time to a daemon that opens one envelope a request. */
const SINGLES = 8;

/** @throws KeywardError `usage` when the address is none. */
export function createDaemonClient(options: DaemonOptions): DaemonClient {
  const url = decryptUrl(options.url);
  const poster = createPoster(options);
  let mustTie = options.strict === true;
  let batches = true;

  async function ask([first, ...also]: readonly Wanted[]): Promise<Answered> {
    const requestId = toHex(options.random(16));
    const { appId, appVersion, taskId } = options.asker;
    const { requestedSecret = "", key = "" } = first ?? {};
    const request = {
      ...{ appId, appVersion, taskId, requestedSecret, key, requestId, timestamp: options.clock() },
      ...(also.length === 0 ? {} : { also }),
    };
    const sealed = sealRequest(options.keys, request, options.random);
    const form = encodeForm({ appId, appVersion, taskId, envelope: sealed.envelope });
    const body = bodyOf(await poster.post(url, form));
    const answered = openResponse(options.keys, body, { nonces: sealed.nonces, requestId }, mustTie);
    mustTie ||= answered.tied;
    return answered;
  }

  /** Outcomes of the first ones, or of all; none when the same is to be asked one by one. */
  async function askBatch(batch: readonly Wanted[]): Promise<readonly Outcome[]> {
    let answered: Answered;
    try {
      answered = await ask(batch);
    } catch (error) {
      const known = asKeywardError(error);
      if (known.message.startsWith(REFUSED)) return [known];
      if (known.code !== "too-large" || batch.length === 1) return batch.map(() => known);
      batches = false;
      return [];
    }
    const { value, also = [] } = answered;
    if (also.length !== batch.length - 1) {
      batches = false;
      return [value];
    }
    return [value, ...also.map((one) => ("error" in one ? refused(401, one.error) : one.value))];
  }

  async function askSingly(wanted: readonly Wanted[]): Promise<readonly Outcome[]> {
    const outcomes: Outcome[] = [];
    const left = wanted.entries();
    const work = async (): Promise<void> => {
      for (const [i, one] of left) outcomes[i] = (await askBatch([one]))[0] as Outcome;
    };
    await Promise.all(Array.from({ length: SINGLES }, work));
    return outcomes;
  }

  return {
    async openAll(wanted) {
      const outcomes: Outcome[] = [];
      while (outcomes.length < wanted.length) {
        const left = wanted.slice(outcomes.length);
        outcomes.push(...(await (batches ? askBatch(left.slice(0, batchSize(left))) : askSingly(left))));
      }
      return outcomes;
    },
    close: poster.close,
  };
}

/** How many of the first envelopes go into one request: one at least. */
function batchSize(wanted: readonly Wanted[]): number {
  let length = 0;
  const full = wanted.findIndex(({ requestedSecret, key }, i) => {
    length += requestedSecret.length + key.length;
    return i > 0 && (i > MAX_ALSO || length > MAX_BATCH_LENGTH);
  });
  return full === -1 ? wanted.length : full;
}

/** The daemon's own words: about one envelope. Whatever else goes wrong would go wrong for the others too. */
const REFUSED = "daemon: ";

function decryptUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.search + url.hash !== "")
    throw new KeywardError("usage", "the daemon's address: want http://host:port or https://host:port", {
      hint: "set SECRETARY_URL or --secretary-url",
    });
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/v1/decrypt`;
  return url;
}

function bodyOf({ status, body }: Answer): string {
  if (status >= 200 && status < 300) return body;
  throw refused(status, body);
}

function refused(status: number, text: string): KeywardError {
  const trimmed = plainText(text.trim());
  const short = trimmed.length > 256 ? `${trimmed.slice(0, 253)}...` : trimmed;
  const code = status === 401 || status === 403 ? "denied" : status === 429 ? "rate-limited" : "unreachable";
  return new KeywardError(code, `${REFUSED}HTTP ${status} Error: ${short}`, {
    hint: "the daemon's log says more; it asks Marathon or Mesos whether this task may",
  });
}

function asKeywardError(error: unknown): KeywardError {
  if (error instanceof KeywardError) return error;
  return new KeywardError("internal", "daemon: the exchange failed", { cause: error });
}
