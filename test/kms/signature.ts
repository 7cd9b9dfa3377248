/**
 * Signature Version 4 as the service checks it, from Amazon's description ("Authenticating Requests: Using the
 * Authorization Header"), and stricter: everything that decides what is asked must be signed.
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";

export interface Signed {
  readonly method: string;
  readonly path: string;
  /** Lower-case names, as node:http gives them. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Uint8Array;
}

export interface Account {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export interface Refusal {
  readonly name: string;
  readonly message: string;
}

const FIVE_MINUTES = 300_000;
const mustBeSigned = ["host", "x-amz-date", "content-type", "x-amz-target"];
const shape =
  /^AWS4-HMAC-SHA256 Credential=([A-Za-z0-9]+)\/(\d{8})\/([a-z0-9-]+)\/([a-z0-9-]+)\/aws4_request, ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})$/;

/** @returns `null` when the request is signed by one of the accounts, now, for this region and service. */
export function checkSignature(
  request: Signed,
  accounts: readonly Account[],
  expected: { readonly region: string; readonly now: number },
): Refusal | null {
  const header = (name: string): string | undefined => {
    const value = request.headers[name];
    return Array.isArray(value) ? value.join(",") : value;
  };
  const match = shape.exec(header("authorization") ?? "");
  if (match === null)
    return refusal("MissingAuthenticationTokenException", "no Authorization header of version 4");
  const [, id = "", day = "", region = "", service = "", names = "", signature = ""] = match;
  const account = accounts.find(({ accessKeyId }) => accessKeyId === id);
  if (account === undefined) return refusal("UnrecognizedClientException", "the access key is not known");
  if (header("x-amz-security-token") !== account.sessionToken)
    return refusal("UnrecognizedClientException", "the security token is not of this access key");
  const signedNames = names.split(";");
  const amazons = Object.keys(request.headers).filter((name) => name.startsWith("x-amz-"));
  for (const name of [...mustBeSigned, ...amazons])
    if (!signedNames.includes(name)) return refusal("InvalidSignatureException", `${name} is not signed`);
  if ([...signedNames].sort().join(";") !== names)
    return refusal("IncompleteSignatureException", "names not in order");
  if (region !== expected.region || service !== "kms")
    return refusal("InvalidSignatureException", "the scope is of another region or service");
  const stamp = header("x-amz-date") ?? "";
  const at = instantOf(stamp);
  if (at === null || !stamp.startsWith(day))
    return refusal("IncompleteSignatureException", "the date is none");
  if (at < expected.now - FIVE_MINUTES)
    return refusal("InvalidSignatureException", `Signature expired: ${stamp}`);
  if (at > expected.now + FIVE_MINUTES)
    return refusal("InvalidSignatureException", `Signature not yet current: ${stamp}`);
  const bodyHash = sha256(request.body);
  const claimed = header("x-amz-content-sha256");
  if (claimed !== undefined && claimed !== bodyHash)
    return refusal("InvalidSignatureException", "the body is not what was signed");
  const canonical = [
    request.method,
    request.path,
    "",
    ...signedNames.map((name) => `${name}:${(header(name) ?? "").trim().replace(/ +/g, " ")}`),
    "",
    names,
    bodyHash,
  ].join("\n");
  const scope = `${day}/${region}/${service}/aws4_request`;
  const toSign = ["AWS4-HMAC-SHA256", stamp, scope, sha256(canonical)].join("\n");
  const key = [day, region, service, "aws4_request"].reduce<Uint8Array>(
    (from, part) => hmac(from, part),
    Buffer.from(`AWS4${account.secretAccessKey}`),
  );
  return timingSafeEqual(hmac(key, toSign), Buffer.from(signature, "hex"))
    ? null
    : refusal("InvalidSignatureException", "The request signature we calculated does not match");
}

function instantOf(stamp: string): number | null {
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(stamp);
  if (parts === null) return null;
  const [year = 0, month = 0, date = 0, hour = 0, minute = 0, second = 0] = parts.slice(1).map(Number);
  return Date.UTC(year, month - 1, date, hour, minute, second);
}

function refusal(name: string, message: string): Refusal {
  return { name, message };
}

function sha256(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

function hmac(key: Uint8Array, text: string): Uint8Array {
  return createHmac("sha256", key).update(text).digest();
}
