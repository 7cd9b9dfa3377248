/** The text that is signed: a line for each thing that must not change. */
import { createHash } from "node:crypto";
import type { UnixMs } from "../../base/time.ts";

/** 1.0 has the user's name in clear, 1.1 its hash; 1.3 has SHA-256 in place of SHA-1, and the API's version. */
export const protocols = ["1.0", "1.1", "1.3"] as const;
export type Protocol = (typeof protocols)[number];

export interface SignedRequest {
  readonly method: string;
  /** Without a query, which is not signed. */
  readonly path: string;
  /** Of a file that is sent along: the file. */
  readonly body: Uint8Array;
  readonly userId: string;
  /** What `X-Ops-Server-API-Version` says; `0` without one. Only 1.3 covers it. */
  readonly apiVersion?: string;
}

export interface Stamp {
  readonly protocol: Protocol;
  readonly timestamp: string;
  /** Base64. */
  readonly hash: string;
}

export function canonicalText(request: SignedRequest, { protocol, timestamp, hash }: Stamp): string {
  const method = request.method.toUpperCase();
  const path = canonicalPath(request.path);
  const user = protocol === "1.1" ? sha1(request.userId) : request.userId;
  const lines =
    protocol === "1.3"
      ? [
          `Method:${method}`,
          `Path:${path}`,
          `X-Ops-Content-Hash:${hash}`,
          "X-Ops-Sign:version=1.3",
          `X-Ops-Timestamp:${timestamp}`,
          `X-Ops-UserId:${user}`,
          `X-Ops-Server-API-Version:${request.apiVersion ?? "0"}`,
        ]
      : [
          `Method:${method}`,
          `Hashed Path:${sha1(path)}`,
          `X-Ops-Content-Hash:${hash}`,
          `X-Ops-Timestamp:${timestamp}`,
          `X-Ops-UserId:${user}`,
        ];
  return lines.join("\n");
}

/** Runs of slashes become one, and one at the end goes; nothing else is cleaned. */
export function canonicalPath(path: string): string {
  const clean = path.replace(/\/+/g, "/");
  return clean.length > 1 && clean.endsWith("/") ? clean.slice(0, -1) : clean;
}

export function contentHash(body: Uint8Array, protocol: Protocol): string {
  return createHash(protocol === "1.3" ? "sha256" : "sha1")
    .update(body)
    .digest("base64");
}

/** In whole seconds. */
export function formatTimestamp(at: UnixMs): string {
  return new Date(at).toISOString().replace(/\.\d+Z$/, "Z");
}

function sha1(text: string): string {
  return createHash("sha1").update(text).digest("base64");
}
