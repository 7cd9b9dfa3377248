/** Vouchers: the two rooms that know people and machines, as a request asks them. */
import type { Access } from "../access/access.ts";
import type { Authority } from "../authority/authority.ts";
import type { Vouchers } from "./identify.ts";

export interface VouchersNeeds {
  readonly access: Pick<Access, "authenticate">;
  readonly authority: Pick<Authority, "vouch">;
}

export function createVouchers({ access, authority }: VouchersNeeds): Vouchers {
  return {
    async certificate(der) {
      const holder = await authority.vouch(der);
      const { identity } = holder;
      const principal = () => holder.principal();
      return identity.kind === "node" ? { principal, generation: identity.generation } : { principal };
    },
    token: (text, from) => access.authenticate(text, from),
  };
}
