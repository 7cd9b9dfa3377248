/** `keyward disk rotate --fleet`: the plan, the rotation, and what came of it, for a person. */

import type { DurationMs } from "../../base/time.ts";
import { systemClock } from "../../base/time.ts";
import type { Session } from "../../command/session.ts";
import {
  type FleetOptions,
  type FleetRotated,
  type KeyPlan,
  planFleet,
  rotateFleet,
} from "./fleet-rotation.ts";

type FleetSession = Session<"disk.list" | "key.show" | "key.rotate">;

/** Something is still to be done. */
const UNFINISHED = 8;

export async function rotateOfFleet(
  { call, out, progress, dryRun, world }: FleetSession,
  choice: { readonly node?: string | undefined; readonly olderThan: DurationMs },
  options: FleetOptions,
): Promise<number> {
  const parts = {
    call,
    clock: systemClock,
    wait: (ms: number) =>
      new Promise<void>((resolve) => {
        setTimeout(resolve, ms);
      }),
    say: progress.say,
    interrupted: world.interrupted,
  };
  const plans = await planFleet(parts, choice);
  const due = plans.filter(({ state }) => state === "rotate" || state === "finish");
  if (dryRun || due.length === 0) {
    out.show(
      { keys: plans.map(plainOf) },
      { blocks: [planTable(plans, options)], names: due.map(({ key }) => key) },
    );
    if (plans.length === 0) out.note("no volumes; grant one: keyward grant add KEY --unlock luks");
    return 0;
  }
  const rotated = await rotateFleet(parts, plans, options);
  progress.end();
  const skipped = plans.filter((plan) => !due.includes(plan));
  out.show(
    {
      done: rotated.done,
      waiting: rotated.waiting,
      refused: rotated.refused.map(({ key, error }) => ({ key, code: error.code, message: error.message })),
      left: rotated.left,
      skipped: skipped.map(plainOf),
    },
    { blocks: [{ kind: "lines", lines: linesOf(rotated, skipped) }], names: [...rotated.done] },
  );
  return rotated.waiting.length + rotated.refused.length + rotated.left.length === 0 ? 0 : UNFINISHED;
}

function linesOf({ done, waiting, refused, left }: FleetRotated, skipped: readonly KeyPlan[]): string[] {
  return [
    `${done.length} keys rotated and proved by their nodes`,
    ...refused.map(({ key, error }) => `${key}: ${error.message}`),
    ...(waiting.length === 0
      ? []
      : [`not proved in time: ${waiting.join(", ")}; the old keys open them still`]),
    ...(left.length === 0 ? [] : [`${left.length} keys were left alone; to go on, run it again`]),
    ...skipped.map(({ key, state }) => `${key}: left alone: ${state}`),
  ];
}

function planTable(plans: readonly KeyPlan[], { canary, atOnce }: FleetOptions) {
  const next = plans.filter(({ state }) => state === "rotate").map(({ key }) => key);
  const turn = ({ key, state }: KeyPlan): string => {
    if (state === "finish") return "first: under way";
    const at = next.indexOf(key);
    return at < 0 ? `no: ${state}` : at < canary ? "1" : String(2 + Math.floor((at - canary) / atOnce));
  };
  return {
    kind: "table" as const,
    head: ["KEY", "VERSION", "TURN", "VOLUMES"],
    rows: plans.map((plan) => [
      plan.key,
      String(plan.version),
      turn(plan),
      plan.volumes.map((one) => `${one.node}/${one.delivery.name}`).join(" "),
    ]),
  };
}

function plainOf({ key, version, state, volumes }: KeyPlan) {
  return {
    key,
    version,
    state,
    volumes: volumes.map(({ node, delivery }) => ({ node, name: delivery.name })),
  };
}
