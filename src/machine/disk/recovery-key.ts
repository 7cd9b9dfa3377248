/** Recovery key: what people type in place of a key that no server gives. */
import { Secret } from "../../base/secret.ts";

/** As `disk escrow` makes one: 64 hexadecimal digits, with blanks or dashes as people write them; else it is the key itself. */
export function recoveryKey(typed: Secret): Secret {
  const text = Buffer.from(typed.reveal()).toString("utf8").replaceAll(/[\s-]/g, "").toLowerCase();
  if (!/^[0-9a-f]{64}$/.test(text)) return typed;
  typed.wipe();
  return Secret.take(Buffer.from(text, "hex"));
}
