/** How a change of a realm is told. */
import type { Session } from "../../../command/session.ts";
import type { Written } from "./realms.ts";

export function written(
  { out, dryRun }: Pick<Session, "out" | "dryRun">,
  done: string,
  { name, version, also }: Written,
): void {
  const line = `${dryRun ? `would be ${done}:` : done} ${name} version ${version}`;
  out.show({ name, version, dryRun }, { blocks: [{ kind: "lines", lines: [line, ...also] }], names: [name] });
}
