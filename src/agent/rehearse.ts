/** Rehearse: whether each way to a volume's key would give it now, for `keyward disk preflight`. No key is asked for. */
import { isKeywardError } from "../base/errors.ts";
import type { PreflightLine } from "../disk/disk.ts";
import type { VolumeName } from "../model/volume.ts";
import type { Server } from "./ask-volume.ts";
import { type SpareParts, spareAnswer } from "./spare-answer.ts";

export interface RehearsalParts extends SpareParts {
  readonly servers: () => readonly Server[];
}

/** What refuses now and may not at the next boot, as a time of day: that is a warning. */
const passing = ["unreachable", "timeout", "busy", "rate-limited", "sealed", "internal"] as const;

export async function rehearse(parts: RehearsalParts, name: VolumeName): Promise<PreflightLine[]> {
  const servers = await Promise.all(parts.servers().map((server) => ofServer(server, name)));
  const spare = await ofSpare(parts, name);
  const lines = spare === null ? servers : [...servers, spare];
  if (lines.some(({ state }) => state === "ok")) return lines;
  return [...lines, { check: "ways", state: "wrong", says: "nothing would give its key now" }];
}

async function ofServer({ address, call }: Server, name: VolumeName): Promise<PreflightLine> {
  const check = `server ${address}`;
  try {
    const { versions, lacking } = await call("agent.unlock", { body: { name, rehearse: true } });
    const numbers = versions.map(({ version }) => version);
    const rest = numbers.length === 1 ? "" : `, and ${numbers.slice(1).join(", ")} which may open it still`;
    if (lacking === undefined) return { check, state: "ok", says: `would give version ${numbers[0]}${rest}` };
    const says = `waits for ${lacking} approval${lacking === 1 ? "" : "s"} first: keyward disk approve`;
    return { check, state: "warning", says };
  } catch (error) {
    if (!isKeywardError(error)) throw error;
    const state = passing.some((code) => code === error.code) ? "warning" : "wrong";
    return { check, state, says: error.message };
  }
}

async function ofSpare(parts: RehearsalParts, name: VolumeName): Promise<PreflightLine | null> {
  const check = "without a server";
  const granted = parts.known().find(({ delivery }) => delivery.name === name);
  if (granted?.delivery.offline === undefined) return null;
  try {
    using answer = await spareAnswer(parts, name);
    if (answer === null)
      return { check, state: "warning", says: "no copy of its key is kept here: keyward unlock keeps one" };
    return { check, state: "ok", says: `a copy of version ${answer.keys[0]?.version} is kept here` };
  } catch (error) {
    if (!isKeywardError(error)) throw error;
    return { check, state: "warning", says: error.message };
  }
}
