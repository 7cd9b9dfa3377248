import type { Parts } from "./parts.ts";

/** PEM certificates that nodes are to trust from now on. */
export function trustedOf({ show }: Pick<Parts["authority"], "show">): string[] {
  return show().certificates.map(({ pem }) => pem);
}
