/** `keyward disk open-share`: a sealed share, opened by the one who holds it. */
import path from "node:path";
import { KeywardError } from "../../../base/errors.ts";
import type { Secret } from "../../../base/secret.ts";
import { act } from "../../../command/command.ts";
import { readBytes } from "../../../command/read-file.ts";
import { assertAbsent, writeNew } from "../../../command/write-file.ts";
import { findRecipients } from "../../../configuration/hpke-keys.ts";
import {
  MAX_SEALED_SHARE_TEXT,
  openShare as open,
  type PeekedShare,
  parseSealedShare,
  peekShare,
} from "../../../formats/escrow/escrow.ts";
import type { Recipient } from "../../../formats/hpke/keys.ts";
import { parseShare } from "../../../formats/seed/seed.ts";

export const openShare = act({
  summary: "Open a sealed share with its holder's private key",
  words: ["FILE"],
  flags: {
    key: { type: "string", multiple: true, value: "FILE", help: "The holder's private key" },
    out: {
      type: "string",
      value: "FILE",
      help: "Write the share there; FILE with .share in place of .sealed unless given",
    },
  },
  calls: [],
  examples: ["keyward disk open-share db1-data-1-alice.sealed --key alice-private-key.pem"],
  notes: [
    "It needs no server. The share is written to a new file for its owner only, and shown nowhere: hand it to whoever opens the volume, by keyward unlock NAME --share FILE, and remove it here.",
  ],
  async run({ world, out }, { words: [word = ""], flags }) {
    const file = path.resolve(world.cwd, word);
    const to = path.resolve(world.cwd, flags.out ?? `${word.replace(/\.sealed$/, "")}.share`);
    assertAbsent(to, "share");
    if (flags.key === undefined)
      throw new KeywardError("usage", "the share is sealed, and no key is named", {
        hint: "add: --key alice-private-key.pem, the one beside the public key that the grant names",
      });
    const what = `sealed share ${JSON.stringify(word)}`;
    const sealed = parseSealedShare(readBytes(file, "sealed share", MAX_SEALED_SHARE_TEXT), what);
    const facts = peekShare(sealed, what);
    using share = openWith(sealed, findRecipients(world, flags.key), facts, what);
    assertInside(share, facts, what);
    writeNew(to, "share", share.reveal());
    const { node, volume, uuid, generation, index, count, threshold } = facts;
    const line = `share ${index} of ${count}, any ${threshold} of which give recovery key ${generation} of ${volume} of ${node} (${uuid})`;
    out.show(
      { node, volume, uuid, generation, index, count, threshold, file: to },
      { blocks: [{ kind: "lines", lines: [line, "", to] }], names: [to] },
    );
  },
});

function openWith(
  sealed: Uint8Array,
  keys: readonly Recipient[],
  { holder }: PeekedShare,
  what: string,
): Secret {
  for (const key of keys) {
    const share = open(sealed, key, what);
    if (share !== null) return share;
  }
  throw new KeywardError("wrong-key", `${what}: is sealed to key ${holder}, which is not here`, {
    hint: "it is another holder's, or sealed to a key of before",
  });
}

/** What was sealed is what the head says. */
function assertInside(text: Secret, facts: PeekedShare, what: string): void {
  const share = parseShare(text.reveal(), what);
  using _ = share.data;
  const same = (["index", "count", "threshold", "generation"] as const).every(
    (one) => share[one] === facts[one],
  );
  if (!same) throw new KeywardError("integrity", `${what}: holds another share than it says`);
}
