/**
 * Unseal at the start: each seal that needs no person is tried. One that does not open keeps the server sealed, and
 * has an event; it does not keep it from serving. Where AWS KMS cannot be asked now, it is asked again until it
 * answers, or until someone seals the server.
 */
import type { Caller } from "../audit/audit.ts";
import { type ErrorCode, isKeywardError } from "../base/errors.ts";
import { printable } from "../model/name.ts";
import type { SealInput } from "../seal/seal.ts";
import type { Parts } from "./parts.ts";

const temporary: readonly ErrorCode[] = ["unreachable", "timeout", "rate-limited", "local"];
const LONGEST_WAIT_MS = 60_000;

/**
 * @param waitMs - Before the second try; twice as long each time, a minute at most.
 * @returns To be called when the server stops.
 */
export async function unsealAtStart(
  parts: Parts,
  inputs: readonly SealInput[],
  waitMs = 5_000,
): Promise<() => void> {
  const { rootKey, log } = parts;
  const again: SealInput[] = [];
  for (const input of inputs) {
    const failed = await tryOne(parts, input);
    if (input.kind === "aws-kms" && failed !== null && temporary.includes(failed)) again.push(input);
  }
  if (rootKey.state === "unsealed") await parts.afterUnseal();
  const [input] = again;
  if (input === undefined || rootKey.state !== "sealed") return () => {};

  let timer: NodeJS.Timeout | null = null;
  let stopped = false;
  const stop = (): void => {
    stopped = true;
    if (timer !== null) clearTimeout(timer);
  };
  const schedule = (wait: number): void => {
    // Servers that start together do not ask together.
    const chance = 0.75 + ((parts.random(1)[0] ?? 0) / 255) * 0.5;
    timer = setTimeout(() => void retry(wait).catch(fail), wait * chance);
    timer.unref();
  };
  const fail = (error: unknown): void => log.error({ error: String(error) }, "not unsealed");
  const retry = async (wait: number): Promise<void> => {
    if (stopped || rootKey.state !== "sealed") return;
    const failed = await tryOne(parts, input);
    if (failed === null) await parts.afterUnseal();
    else if (!stopped && temporary.includes(failed)) schedule(Math.min(wait * 2, LONGEST_WAIT_MS));
  };
  rootKey.onSeal(stop);
  schedule(waitMs);
  return stop;
}

/** @returns `null` when the server is unsealed, by this or before. */
async function tryOne({ rootKey, journal, log }: Parts, input: SealInput): Promise<ErrorCode | null> {
  if (rootKey.state !== "sealed") return null;
  const caller: Caller = { by: { kind: "system", name: "server" } };
  const act = { ...caller, action: "seal:write", resource: "root-key" } as const;
  try {
    const info = await rootKey.unseal(input);
    await journal.act(act, (_tx, detail) => void Object.assign(detail, { unsealed: true, seal: info.id }));
    log.info({ seal: info.id }, "unsealed");
    return null;
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error);
    log.error({ error: printable(what) }, "not unsealed");
    await journal.note({
      by: "system:server",
      action: act.action,
      resource: act.resource,
      outcome: "failed",
    });
    return isKeywardError(error) ? error.code : "internal";
  }
}
