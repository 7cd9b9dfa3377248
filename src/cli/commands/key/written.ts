/** How a new version is told. */
import type { Session } from "../../../command/session.ts";

export function written(
  { out, dryRun }: Pick<Session, "out" | "dryRun">,
  done: string,
  answer: { readonly name: string; readonly version: number },
): void {
  const line = dryRun
    ? `would be ${done}: ${answer.name} version ${answer.version}`
    : `${done} ${answer.name} version ${answer.version}`;
  out.show(answer, { blocks: [{ kind: "lines", lines: [line] }], names: [answer.name] });
}
