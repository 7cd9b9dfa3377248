/** What a failed connection means, in words: which address, what happened, what to do next. */
import { KeywardError } from "../base/errors.ts";

/** By error code of Node or OpenSSL: what happened, and the next step. */
const meanings: Readonly<Record<string, readonly [string, string]>> = {
  ECONNREFUSED: ["connection refused", "is the server running there? `keyward server` starts one"],
  ENOTFOUND: ["no such host", "check the name in KEYWARD_ADDR or --addr"],
  EAI_AGAIN: ["the host's name cannot be resolved now", "check the network and the name, then try again"],
  ETIMEDOUT: ["connection timed out", "check the network and the firewall on the way"],
  EHOSTUNREACH: ["no route to the host", "check the network"],
  ENETUNREACH: ["the network is unreachable", "check the network"],
  ECONNRESET: ["connection closed by the server", "try again; the server's log says why"],
  EPIPE: ["connection closed by the server", "try again; the server's log says why"],
  ECONNABORTED: ["connection closed by the server", "try again; the server's log says why"],
  EPROTO: ["TLS failed", "is this a Keyward server? it speaks TLS 1.3 only"],
  ERR_SSL_WRONG_VERSION_NUMBER: ["TLS failed", "is this a Keyward server? it speaks TLS 1.3 only"],
  ERR_TLS_CERT_ALTNAME_INVALID: [
    "the server's certificate is for another name",
    "use a name that the server was started with (`keyward server --name`)",
  ],
  CERT_HAS_EXPIRED: ["the server's certificate has expired", "check both clocks; the server renews its own"],
  CERT_NOT_YET_VALID: ["the server's certificate is not valid yet", "check both clocks"],
};

const distrust = [
  "the server's certificate is not signed by the CA that is trusted here",
  "`keyward login` pins a server anew; check its CA fingerprint with whoever runs it",
] as const;

/** @param error - Whatever a request failed with; a `KeywardError` comes back as it is. */
export function connectionError(host: string, error: unknown): KeywardError {
  if (error instanceof KeywardError) return error;
  const code = codeOf(error);
  const [what, hint] =
    meanings[code] ?? (isDistrust(code) ? distrust : [`connection failed (${code})`, "check the address"]);
  return new KeywardError("unreachable", `${host}: ${what}`, { hint, cause: error });
}

function codeOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0]);
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : "unknown";
}

/** OpenSSL's names for "this chain leads to nobody I trust" (X509_V_ERR_*). */
function isDistrust(code: string): boolean {
  return /SELF_SIGNED|UNABLE_TO_(?:GET_ISSUER|VERIFY_LEAF)|CERT_(?:UNTRUSTED|REJECTED|SIGNATURE_FAILURE)|INVALID_(?:CA|PURPOSE)/.test(
    code,
  );
}
