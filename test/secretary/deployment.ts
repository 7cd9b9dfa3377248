/** One deployment as Marathon or Mesos would have it, and requests of its tasks, sealed afresh each time. */

import { toBase64, utf8 } from "../../src/base/bytes.ts";
import { systemClock, type UnixMs } from "../../src/base/time.ts";
import { systemRandom } from "../../src/crypto/random.ts";
import { openResponse, sealRequest } from "../../src/formats/secretary/exchange.ts";
import { encodeForm } from "../../src/formats/secretary/form.ts";
import { deriveBoxKey, generateKeyPair } from "../../src/formats/secretary/keys.ts";
import type { LayerKeys } from "../../src/formats/secretary/layers.ts";
import { sealNacl } from "../../src/formats/secretary/nacl.ts";
import type { DecryptRequest } from "../../src/formats/secretary/request.ts";
import type { RecordedCall } from "./upstream.ts";

export const master = generateKeyPair(systemRandom);
export const config = generateKeyPair(systemRandom);
export const deploy = generateKeyPair(systemRandom);
const stored = deriveBoxKey(config.privateKey, master.publicKey);
export const layers: LayerKeys = { deploy: deriveBoxKey(deploy.privateKey, master.publicKey) };

export const appId = "/shop/search";
export const version = "2024-03-05T10:11:12.134Z";
export const taskId = "shop_search.0f810e10";

export function sealed(value: string | Uint8Array): string {
  return sealNacl(stored, systemRandom(24), typeof value === "string" ? utf8(value) : value);
}

export interface AppOptions {
  readonly env?: Readonly<Record<string, unknown>>;
  readonly tasks?: readonly object[];
  readonly id?: string;
}

export const runningTask = { id: taskId, version, state: "TASK_RUNNING" };

/** What Marathon answers about an app. */
export function marathonCalls({ env = {}, tasks = [runningTask], id = appId }: AppOptions): RecordedCall[] {
  const whole = { DEPLOY_PUBLIC_KEY: toBase64(deploy.publicKey), ...env };
  return [
    call("marathon", `GET /v2/apps${id}?embed=apps.tasks`, { app: { id, env: whole, tasks } }),
    call("marathon", `GET /v2/apps${id}/versions/${encodeURIComponent(version)}`, {
      id,
      version,
      env: whole,
    }),
  ];
}

/** What Mesos answers to GET_TASKS. */
export function mesosCalls(
  tasks: readonly { id: string; state?: string; labels?: Record<string, string> }[],
): RecordedCall[] {
  const listed = tasks.map(({ id, state = "TASK_RUNNING", labels = {} }) => ({
    task_id: { value: id },
    state,
    labels: { labels: Object.entries(labels).map(([key, value]) => ({ key, value })) },
  }));
  return [call("mesos", "POST /api/v1", { type: "GET_TASKS", get_tasks: { tasks: listed } })];
}

function call(target: string, line: string, document: unknown): RecordedCall {
  return {
    target,
    request: { requestLine: `${line} HTTP/1.1`, body: "" },
    response: {
      status: 200,
      headers: [["Content-Type", "application/json"]],
      body: JSON.stringify(document),
    },
  };
}

/** The body of a request, new each time. */
export function requestBody(envelope: string, change: Partial<DecryptRequest> = {}, keys = layers) {
  const request: DecryptRequest = {
    ...{ appId, appVersion: version, taskId, requestedSecret: envelope, key: "PW" },
    requestId: Buffer.from(systemRandom(8)).toString("hex"),
    timestamp: systemClock() as UnixMs,
    ...change,
  };
  const message = sealRequest(keys, request, systemRandom);
  const { appId: appid, appVersion, taskId: task } = request;
  const form = encodeForm({ appId: appid, appVersion, taskId: task, envelope: message.envelope });
  return { form, request, nonces: message.nonces };
}

export interface Outcome {
  readonly status: number;
  readonly text: string;
}

export async function post(
  url: string,
  form: string | Uint8Array,
  headers: Record<string, string> = {},
): Promise<Outcome> {
  const body = typeof form === "string" ? form : new Uint8Array(form);
  const answer = await fetch(`${url}/v1/decrypt`, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded", ...headers },
    body,
  });
  return { status: answer.status, text: await answer.text() };
}

/** Ask, and open the answer. @returns The value, or the status of a refusal. */
export async function ask(
  url: string,
  envelope: string,
  change: Partial<DecryptRequest> = {},
  keys = layers,
) {
  const { form, request, nonces } = requestBody(envelope, change, keys);
  const { status, text } = await post(url, form);
  if (status !== 200) return { status, text };
  const { requestId } = request;
  const asked = { nonces, ...(requestId === undefined ? {} : { requestId }) };
  const { value, tied, also } = openResponse(keys, text, asked);
  return { status, value: Buffer.from(value.reveal()).toString(), tied, also };
}
