/** How an error looks at the terminal, and which exit status it gives. */
import { KeywardError } from "../base/errors.ts";
import { variable } from "./environment.ts";
import { isStyled, plain, plainJson, render } from "./terminal.ts";
import type { World } from "./world.ts";

/** @returns The exit status. */
export function report(error: unknown, world: Pick<World, "stderr" | "env">, format: string): number {
  const known = asKeywardError(error);
  world.stderr.write(format === "json" ? asJson(known) : asText(known, world));
  if (variable(world.env, "KEYWARD_DEBUG") !== undefined) world.stderr.write(placesOf(known));
  return known.exitStatus;
}

function asText({ message, hint }: KeywardError, { stderr, env }: Pick<World, "stderr" | "env">): string {
  const styled = isStyled(stderr, env);
  // Messages may hold several lines (a parse error with its caret): each is made plain by itself.
  const lines = message.split("\n").map(plain);
  const head = `${render({ text: "keyward:", style: "red" }, styled)} ${lines.join("\n")}\n`;
  if (hint === undefined) return head;
  return `${head}  ${render({ text: "hint:", style: "dim" }, styled)} ${hint.split("\n").map(plain).join("\n        ")}\n`;
}

function asJson({ code, message, hint }: KeywardError): string {
  return `${plainJson({ error: { code, message, ...(hint === undefined ? {} : { hint }) } })}\n`;
}

/** Where in the code: of the error and of those beneath it. Their messages stay out. */
function placesOf(error: unknown): string {
  if (!(error instanceof Error)) return "";
  const lines = (error.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line));
  return `${[error.name, ...lines].map(plain).join("\n")}\n${placesOf(error.cause)}`;
}

/** What nobody foresaw is a fault of the program; its message might hold anything, so only its kind is shown. */
function asKeywardError(error: unknown): KeywardError {
  if (error instanceof KeywardError) return error;
  const name = error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? error.name) : typeof error;
  return new KeywardError("internal", `internal error (${name})`, {
    hint: "this is a fault in keyward: please report it, with KEYWARD_DEBUG=1 for the place",
    cause: error,
  });
}
