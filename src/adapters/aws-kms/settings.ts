/**
 * Settings: where the region, the credentials and the connection come from. Amazon's library looks for itself in
 * AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL_KMS and so on, the shared files, container and instance roles. Added
 * here is what the SDK for Go, and so the original Secretary, knows besides:
 *
 *     AWS_DEFAULT_REGION                     when AWS_REGION is not set
 *     AWS_ACCESS_KEY, AWS_SECRET_KEY         when AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY are not set
 *     AWS_CA_BUNDLE                          a PEM file: the CAs to trust, instead of the runtime's
 *     HTTPS_PROXY, NO_PROXY                  also in lower case; Node 24.5 or newer
 */
import { readFileSync } from "node:fs";
import type { AgentOptions } from "node:https";
import { KeywardError } from "../../base/errors.ts";
import { printable } from "../../model/name.ts";

export type AwsEnvironment = Readonly<Record<string, string | undefined>>;

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

const MAX_CA_BUNDLE = 4_194_304;

/** The region that an ARN names. */
export function regionInside(keyId: string | undefined): string | undefined {
  return /^arn:[a-z-]+:kms:([a-z0-9-]+):/.exec(keyId ?? "")?.[1];
}

/** @returns `undefined`: left to the library. */
export function regionOf(environment: AwsEnvironment): string | undefined {
  return given(environment, "AWS_REGION") ?? given(environment, "AWS_DEFAULT_REGION");
}

/** @returns `undefined`: left to the library. */
export function credentialsOf(environment: AwsEnvironment): Credentials | undefined {
  if (given(environment, "AWS_ACCESS_KEY_ID") && given(environment, "AWS_SECRET_ACCESS_KEY"))
    return undefined;
  const accessKeyId = given(environment, "AWS_ACCESS_KEY_ID") ?? given(environment, "AWS_ACCESS_KEY");
  const secretAccessKey = given(environment, "AWS_SECRET_ACCESS_KEY") ?? given(environment, "AWS_SECRET_KEY");
  if (accessKeyId === undefined || secretAccessKey === undefined) return undefined;
  const sessionToken = given(environment, "AWS_SESSION_TOKEN");
  return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
}

/** @throws KeywardError `local` when the CA bundle cannot be read. */
export function agentOf(environment: AwsEnvironment, sockets: number): AgentOptions {
  const bundle = given(environment, "AWS_CA_BUNDLE");
  return {
    keepAlive: true,
    maxSockets: sockets,
    minVersion: "TLSv1.2",
    ...(bundle === undefined ? {} : { ca: readBundle(bundle) }),
    ...(proxyNames.some((name) => given(environment, name) !== undefined) ? { proxyEnv: environment } : {}),
  };
}

const proxyNames = ["HTTPS_PROXY", "https_proxy"];

function readBundle(file: string): Buffer {
  const refuse = (why: string): KeywardError =>
    new KeywardError("local", `AWS_CA_BUNDLE ${printable(file)}: ${why}`);
  let content: Buffer;
  try {
    content = readFileSync(file);
  } catch (error) {
    throw refuse(`cannot be read (${(error as NodeJS.ErrnoException).code ?? "unknown error"})`);
  }
  if (content.byteLength > MAX_CA_BUNDLE) throw refuse(`is larger than ${MAX_CA_BUNDLE} bytes`);
  if (!content.includes("-----BEGIN CERTIFICATE-----")) throw refuse("holds no certificate in PEM");
  return content;
}

function given(environment: AwsEnvironment, name: string): string | undefined {
  const value = environment[name];
  return value === "" ? undefined : value;
}
