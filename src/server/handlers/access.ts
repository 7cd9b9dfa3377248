/** Access: who the caller is, tokens and rules. */
import type { DurationMs } from "../../base/time.ts";
import type { Serving } from "../serving.ts";
import type { HandlersOf } from "./handler.ts";

export function accessHandlers({
  access,
}: Pick<Serving, "access">): HandlersOf<"access"> & HandlersOf<"token"> & HandlersOf<"rule"> {
  return {
    "access.whoami": (caller) => access.whoami(caller),
    "token.create": (caller, { body }) =>
      access.createToken(caller, { ...body, ttl: body.ttl as DurationMs }),
    "token.list": async (caller) => ({ tokens: await access.listTokens(caller) }),
    "token.revoke": async (caller, { path }) => {
      await access.revokeToken(caller, path.id);
      return {};
    },
    "rule.list": async (caller) => ({ rules: await access.listRules(caller) }),
    "rule.put": (caller, { path, body }) => access.putRule(caller, path.name, body.allow),
    "rule.remove": async (caller, { path }) => {
      await access.removeRule(caller, path.name);
      return {};
    },
  };
}
