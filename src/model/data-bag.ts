/** Names of Chef's data bags and of their items, as a Chef server takes them; safe as a part of a path. */
import { KeywardError } from "../base/errors.ts";
import { printable } from "./name.ts";

export type DataBagName = string & { readonly kind: "data-bag-name" };
export type DataBagItemId = string & { readonly kind: "data-bag-item-id" };

/** What the server's search has under these names. */
const reserved = ["node", "role", "environment", "client"];

/** @throws KeywardError `usage` */
export function parseDataBagName(text: string): DataBagName {
  const what = `data bag ${printable(text)}`;
  assertName(text, what);
  if (!reserved.includes(text)) return text as DataBagName;
  throw new KeywardError("usage", `${what}: the name is Chef's own`, { hint: "choose another name" });
}

/** @throws KeywardError `usage` */
export function parseDataBagItemId(text: string): DataBagItemId {
  assertName(text, `data bag item ${printable(text)}`);
  return text as DataBagItemId;
}

function assertName(text: string, what: string): void {
  if (/^[A-Za-z0-9_.:-]{1,255}$/.test(text) && !text.startsWith(".") && !text.startsWith("-")) return;
  throw new KeywardError("usage", `${what}: want letters, digits and _ . : -, not beginning with . or -`);
}
