/**
 * Failure: what the library threw, as a KeywardError. The service's own message is left out: it may repeat what
 * was sent. Names: AWS KMS API reference, Common Errors and the errors of Decrypt, Encrypt, GenerateDataKey.
 */
import { type ErrorCode, isKeywardError, KeywardError } from "../../base/errors.ts";

interface Meaning {
  readonly code: ErrorCode;
  readonly what: string;
  readonly hint?: string;
}

const credentials: Meaning = {
  code: "denied",
  what: "the credentials are not accepted",
  hint: "check AWS_ACCESS_KEY_ID and its companions, AWS_PROFILE, or the role of this machine",
};
const permission: Meaning = {
  code: "denied",
  what: "this identity may not use the key",
  hint: "the key's policy and the identity's both have a say; who asks: aws sts get-caller-identity",
};
const clock: Meaning = {
  code: "denied",
  what: "the signature is not accepted",
  hint: "check the secret access key, and this machine's clock",
};
const other: Meaning = {
  code: "wrong-key",
  what: "sealed under another key or with another context, or changed",
};
const state: Meaning = {
  code: "conflict",
  what: "the key cannot be used in its state",
  hint: "it may be disabled or waiting for its deletion: aws kms describe-key",
};
const absent: Meaning = {
  code: "not-found",
  what: "no such key",
  hint: "check the key id, the region and the account",
};
const refused: Meaning = { code: "usage", what: "the request is refused", hint: "check the key id" };
const throttled: Meaning = {
  code: "rate-limited",
  what: "too many requests for this account and region",
  hint: "try again later",
};
const failing: Meaning = { code: "unreachable", what: "the service fails", hint: "try again later" };
const late: Meaning = { code: "timeout", what: "no answer in time", hint: "try again later" };
const unconfigured: Meaning = {
  code: "local",
  what: "no credentials on this machine",
  hint: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give the machine a role",
};
const nowhere: Meaning = {
  code: "local",
  what: "no region",
  hint: "set AWS_REGION, or name the key by its ARN",
};

const meanings: Readonly<Record<string, Meaning>> = {
  AccessDeniedException: permission,
  AccessDenied: permission,
  NotAuthorized: permission,
  InvalidGrantTokenException: permission,
  DryRunOperationException: permission,
  UnrecognizedClientException: credentials,
  InvalidClientTokenId: credentials,
  MissingAuthenticationToken: credentials,
  MissingAuthenticationTokenException: credentials,
  ExpiredToken: credentials,
  ExpiredTokenException: credentials,
  OptInRequired: credentials,
  IncompleteSignature: clock,
  IncompleteSignatureException: clock,
  InvalidSignatureException: clock,
  SignatureDoesNotMatch: clock,
  RequestExpired: clock,
  NotFoundException: absent,
  InvalidArnException: absent,
  DisabledException: state,
  KMSInvalidStateException: state,
  InvalidCiphertextException: other,
  IncorrectKeyException: other,
  InvalidKeyUsageException: refused,
  ValidationException: refused,
  ValidationError: refused,
  SerializationException: refused,
  LimitExceededException: throttled,
  ThrottlingException: throttled,
  Throttling: throttled,
  TooManyRequestsException: throttled,
  KeyUnavailableException: failing,
  KMSInternalException: failing,
  DependencyTimeoutException: failing,
  InternalFailure: failing,
  ServiceUnavailable: failing,
  ServiceUnavailableException: failing,
  TimeoutError: late,
  AbortError: late,
  RequestTimeoutException: late,
  CredentialsProviderError: unconfigured,
  TokenProviderError: unconfigured,
};

interface Thrown {
  readonly name?: unknown;
  readonly code?: unknown;
  readonly message?: unknown;
  readonly $fault?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: unknown; readonly requestId?: unknown };
}

/** @param where - `KMS key …, region …`: begins the message. */
export function failureOf(error: unknown, where: string): KeywardError {
  if (isKeywardError(error)) return error;
  const thrown = (typeof error === "object" && error !== null ? error : {}) as Thrown;
  const { code, what, hint } = meaningOf(thrown);
  return new KeywardError(code, `${where}: ${what}${tracesOf(thrown)}`, hint === undefined ? {} : { hint });
}

function meaningOf(thrown: Thrown): Meaning {
  const { name, code, message, $fault, $metadata } = thrown;
  // The library calls a lost connection a timeout too.
  if (typeof code === "string" && code !== "ETIMEDOUT")
    return { ...failing, what: `no connection (${word(code)})` };
  const known = typeof name === "string" && Object.hasOwn(meanings, name) ? meanings[name] : undefined;
  if (known !== undefined) return known;
  if (message === "Region is missing") return nowhere;
  if (typeof message === "string" && message.startsWith("Region not accepted"))
    return { ...nowhere, what: "the region is none" };
  const status = Number($metadata?.httpStatusCode);
  if (status === 429) return throttled;
  if (status >= 500) return failing;
  if (status >= 200 && status < 300) return { code: "malformed", what: "an answer that is none of KMS" };
  if ($fault === "client" || status >= 400) return { ...refused, code: "denied" };
  if (name === "SyntaxError") return { code: "malformed", what: "an answer that is none of KMS" };
  return { code: "unreachable", what: "the call failed" };
}

/** The error's name and the request's id, to be found in the service's own log. */
function tracesOf({ name, $metadata }: Thrown): string {
  const id = $metadata?.requestId;
  const traces = [
    ...(typeof name === "string" && name !== "Error" ? [word(name)] : []),
    ...(typeof id === "string" ? [`request ${word(id)}`] : []),
  ];
  return traces.length === 0 ? "" : ` (${traces.join(", ")})`;
}

/** Both come from the other side: as much of them as can do no harm. */
function word(text: string): string {
  return text.replace(/[^A-Za-z0-9_.:-]/g, "").slice(0, 64);
}
