/** Shapes: tokens and rules. */
import Type from "typebox";
import { actions } from "../../model/principal.ts";
import { done, object, oneOf, optional, text, time } from "./parts.ts";

const allow = object({
  actions: Type.Union([Type.Literal("*"), Type.Array(oneOf(actions))]),
  prefix: text(512),
});

const ruleShape = object({ name: text(64), allow: Type.Array(allow, { maxItems: 64 }) });

const tokenInfo = object({
  id: text(64),
  name: text(128),
  rules: Type.Array(text(64)),
  created: time,
  expires: time,
  by: text(),
  lastUsed: optional(time),
});

export const accessShapes = {
  "access.whoami": {
    response: object({ principal: text(), rules: Type.Array(ruleShape), expires: optional(time) }),
  },
  "token.create": {
    body: object({ name: text(128), rules: Type.Array(text(64), { minItems: 1, maxItems: 64 }), ttl: time }),
    response: object({ token: text(256), info: tokenInfo }),
  },
  "token.list": { response: object({ tokens: Type.Array(tokenInfo) }) },
  "token.revoke": { path: object({ id: text(64) }), response: done },
  "rule.list": { response: object({ rules: Type.Array(ruleShape) }) },
  "rule.put": {
    path: object({ name: text(64) }),
    body: object({ allow: Type.Array(allow, { maxItems: 64 }) }),
    response: ruleShape,
  },
  "rule.remove": { path: object({ name: text(64) }), response: done },
} as const;
