/** Shapes: what a node should hold, as a configuration manager reads it. */
import Type from "typebox";
import { object, oneOf, optional, text, version } from "./parts.ts";

const key = object({
  version,
  /** Relative ones lie below the agent's key directory. */
  paths: Type.Array(text(), { maxItems: 4096 }),
  /** Of the node's seed, when it derives the value. */
  realm: optional(text()),
  /** With `values=true`, of a value that is text. */
  value: optional(text(1_048_576)),
  /** With `values=true`, of one that is not. */
  base64: optional(text(1_500_000)),
});

/** The members' names are those of Salt states that read them. */
const volume = object({
  key: text(512),
  version,
  dev_name: text(),
  vg_name: optional(text(63)),
  lv_name: optional(text(63)),
  mountpoint: optional(text()),
  fstype: optional(text(16)),
  services: Type.Array(text(256), { maxItems: 16 }),
});

const response = object({
  keyward: object({ node: text(253), keys: Type.Record(text(512), key) }),
  luks: Type.Record(text(64), volume),
});

export const pillarShapes = {
  "pillar.show": {
    path: object({ node: text(253) }),
    query: object({ values: optional(oneOf(["true"] as const)) }),
    response,
  },
  "agent.pillar": { response },
} as const;
