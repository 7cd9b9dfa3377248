/** Secretary's duties beside the API: the same decision as the daemon's, Keyward's own nodes too, events in the journal. */
import { createFloodgate } from "../audit/floodgate.ts";
import type { Decided } from "../secretary/decision.ts";
import { createOwnSource } from "../secretary/own-source.ts";
import { createDecrypt, type Respond, sendRefusal } from "./decrypt.ts";
import type { Metrics } from "./metrics.ts";
import { createOwnNodes } from "./own-nodes.ts";
import type { Parts } from "./parts.ts";
import { createRequestIds } from "./request-ids.ts";
import { createSecretary, type SecretaryOptions } from "./secretary.ts";

/** Keys, and the systems that are asked; none is asked that is not named. */
export type SecretarySettings = Omit<SecretaryOptions, "own" | "audit" | "clock" | "random">;

export interface SecretaryService {
  readonly respond: Respond;
  close(): void;
}

const REFUSALS_PER_MINUTE = 60;
const ALL_BODIES_BYTES = 134_217_728;
const BODY_BYTES = 4_194_304;
const REFUSED_PER_ADDRESS = { perSecond: 20, burst: 500 };

export function createSecretaryService(
  parts: Parts,
  settings: SecretarySettings,
  metrics: Metrics,
): SecretaryService {
  const { journal, clock, random, rootKey, log } = parts;
  const floodgate = createFloodgate({ clock, perMinute: REFUSALS_PER_MINUTE });

  /** What was opened always has its event; strangers' refusals are counted when they come in a flood. */
  async function audit(decided: Decided): Promise<void> {
    const passed = decided.outcome === "ok" ? { heldBack: 0 } : floodgate.pass();
    if (passed === null) return;
    const { source = "nobody", appId, taskId, outcome, appVersion, ...rest } = decided;
    const detail = {
      ...rest,
      ...(appVersion === "" ? {} : { appVersion }),
      ...(passed.heldBack === 0 ? {} : { heldBack: passed.heldBack }),
    };
    const by = outcome === "ok" ? `task:${source}:${taskId || appId}` : "anonymous";
    await journal.note({ by, action: "value:open", resource: appId || taskId || "-", outcome, detail });
  }

  const secretary = createSecretary({
    ...settings,
    own: createOwnSource(createOwnNodes(parts)),
    clock,
    random,
    audit,
  });
  const decrypt = createDecrypt({
    decision: secretary.decision,
    clock,
    nextId: createRequestIds(random),
    bodyBytes: BODY_BYTES,
    room: { left: ALL_BODIES_BYTES },
    refusedPerAddress: REFUSED_PER_ADDRESS,
    onRefused: (request, from, status, reason) => log.debug({ request, from, status, reason }, "refused"),
    onAnswer: (status, seconds) => metrics.request("secretary.decrypt", status, seconds),
  });
  return {
    async respond(request, response) {
      if (rootKey.state !== "unsealed") return sendRefusal(response, 503, "the server is sealed");
      await decrypt(request, response);
    },
    close: secretary.close,
  };
}
