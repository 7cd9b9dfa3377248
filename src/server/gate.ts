/**
 * Gate: what the table of operations refuses, before a body is read. It lets through who might be allowed; the act
 * itself decides, with the resource in hand.
 */
import type { Access, Operation } from "../api/operations.ts";
import { KeywardError } from "../base/errors.ts";
import type { Event } from "../model/event.ts";
import { type Action, formatPrincipal, type Principal } from "../model/principal.ts";
import type { SealState } from "../seal/root-key.ts";

/** @throws KeywardError `sealed`, `uninitialised` */
export function assertServing(operation: Operation, state: SealState): void {
  if (state === "unsealed" || operation.whileSealed === true) return;
  if (state === "sealed")
    throw new KeywardError("sealed", "the server is sealed", { hint: "run: keyward unseal" });
  throw new KeywardError("uninitialised", "this store has no root key yet", {
    hint: "run: keyward init, on the server's machine",
  });
}

/** @throws KeywardError `unauthenticated`, `denied` */
export function assertAdmitted(who: Principal, access: Access): void {
  if (isAdmitted(who, access)) return;
  if (who.kind === "anonymous")
    throw new KeywardError("unauthenticated", "this needs a token or a client certificate", {
      hint: "run: keyward login; or set KEYWARD_TOKEN_FILE",
    });
  throw new KeywardError("denied", `${formatPrincipal(who)}: ${actionOf(access)} is not allowed`, {
    hint: hintFor(who, access),
  });
}

/** Deny by default: each kind of access names who it admits. */
export function isAdmitted(who: Principal, access: Access): boolean {
  switch (access.kind) {
    case "public":
      return true;
    case "node":
      return who.kind === "node";
    case "signed-in":
      return who.kind === "operator" || who.kind === "local";
    case "rule":
      return who.kind === "local" || (who.kind === "operator" && mayEver(who, access.action));
  }
}

/** Does any rule allow this on anything at all? */
function mayEver({ rules }: Extract<Principal, { kind: "operator" }>, action: Action): boolean {
  return rules.some(({ allow }) =>
    allow.some(({ actions }) => actions === "*" || (actions as readonly string[]).includes(action)),
  );
}

function hintFor(who: Principal, access: Access): string {
  if (access.kind === "node") return "only a node does this, with the certificate that it enrolled for";
  if (who.kind === "node") return "a node's certificate is for its agent: sign in as an operator";
  return `ask for a rule that allows ${actionOf(access)}`;
}

/** As events name what was tried. */
export function actionOf(access: Access): Event["action"] {
  switch (access.kind) {
    case "public":
    case "signed-in":
      return "access:login";
    case "node":
    case "rule":
      return access.action;
  }
}
