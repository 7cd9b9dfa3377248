/** Holders: the people whom a grant names to hold a volume's recovery key, parsed at the door. */
import { toBase64 } from "../base/bytes.ts";
import { isKeywardError, KeywardError } from "../base/errors.ts";
import { x25519, x25519ToSpki } from "../crypto/agree.ts";
import { parseRecipientPublicKey } from "../formats/hpke/keys.ts";
import { assertEscrow, type Escrow, type Holder, MAX_HOLDERS, parseHolderName } from "../model/volume.ts";

/** @throws KeywardError `usage` */
export function parseEscrowInput({ threshold, shares, holders }: Escrow): Escrow {
  const plan = assertEscrow({ threshold, shares });
  if (holders === undefined) return plan;
  if (shares > MAX_HOLDERS) throw new KeywardError("usage", `escrow: ${MAX_HOLDERS} holders at most`);
  if (holders.length !== shares)
    throw new KeywardError("usage", `escrow ${threshold}/${shares}: has ${holders.length} holders`, {
      hint: `name one for each share: --holder FILE, ${shares} times`,
    });
  const parsed = holders.map(holderOf);
  assertDifferent("name", parsed);
  assertDifferent("key", parsed);
  return { ...plan, holders: parsed };
}

function holderOf({ name, key }: Holder): Holder {
  const what = `holder ${parseHolderName(name)}`;
  try {
    const parsed = parseRecipientPublicKey(key, what);
    // A point of low order is nobody's key: what is sealed to it, anyone opens.
    x25519(new Uint8Array(32).fill(1), parsed);
    return { name, key: toBase64(x25519ToSpki(parsed)) };
  } catch (error) {
    if (!isKeywardError(error)) throw error;
    throw new KeywardError("usage", error.message, {
      hint: "want a public key as keyward genkeys --kind holder makes it",
    });
  }
}

/** Two shares in one hand are worth two people's word. */
function assertDifferent(member: "name" | "key", holders: readonly Holder[]): void {
  const seen = new Map<string, string>();
  for (const holder of holders) {
    const before = seen.get(holder[member]);
    if (before !== undefined)
      throw new KeywardError(
        "usage",
        member === "name"
          ? `escrow: holder ${holder.name} is named twice`
          : `escrow: holders ${before} and ${holder.name} have the same key`,
      );
    seen.set(holder[member], holder.name);
  }
}
