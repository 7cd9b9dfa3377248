/** How knife ends when something goes wrong: its exit statuses and its lines. */
import { isKeywardError, type KeywardError } from "../../base/errors.ts";

/** Everything was said; only the exit status is left. */
export class KnifeExit extends Error {
  readonly status: number;
  constructor(status: number) {
    super(`exit ${status}`);
    this.status = status;
  }
}

/** An error under the name of its class in Chef, by which scripts know it. */
export class KnifeFailure extends Error {
  readonly rubyClass: string;
  constructor(rubyClass: string, message: string) {
    super(message);
    this.rubyClass = rubyClass;
  }
}

export interface Asked {
  readonly url: string;
  readonly user: string;
  readonly key: string;
}

export interface Failure {
  readonly error: string;
  readonly info: readonly string[];
}

/** What knife says of errors that a command did not expect. `null`: it is none of ours. */
export function failureOf(error: unknown, asked: Asked): Failure | null {
  if (error instanceof KnifeFailure) return { error: `${error.rubyClass}: ${error.message}`, info: [] };
  if (!isKeywardError(error)) return null;
  const { error: first, info } = said(error, asked);
  return { error: first, info: error.hint === undefined ? info : [...info, error.hint] };
}

function said({ code, message }: KeywardError, { url, user, key }: Asked): Failure {
  const response = [`Response: ${message}`];
  switch (code) {
    case "unauthenticated":
      return {
        error: `Failed to authenticate to ${url} as ${user} with key ${key}`,
        info: [`Response:  ${message}`],
      };
    case "denied":
      return {
        error: `You authenticated successfully to ${url} as ${user} but you are not authorized for this action.`,
        info: [`Response:  ${message}`],
      };
    case "not-found":
      return { error: "The object you are looking for could not be found", info: response };
    case "conflict":
      return { error: "Conflict", info: response };
    case "busy":
      return { error: "internal server error", info: response };
    case "unreachable":
    case "timeout":
      return {
        error: `Network Error: ${message}`,
        info: ["Check your knife configuration and network settings"],
      };
    case "wrong-key":
    case "integrity":
      return { error: `Chef::EncryptedDataBagItem::DecryptionFailure: ${message}`, info: [] };
    case "malformed":
      return { error: `Chef::Exceptions::ValidationFailed: ${message}`, info: [] };
    case "local":
      return { error: `RuntimeError: ${message}`, info: [] };
    default:
      return { error: `ArgumentError: ${message}`, info: [] };
  }
}
