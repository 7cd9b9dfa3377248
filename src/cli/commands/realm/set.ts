/** `keyward realm set`: what changes of a realm while its keys stay the same: note, form, and where it goes. */
import { KeywardError } from "../../../base/errors.ts";
import { act } from "../../../command/command.ts";
import { deliveryFlags, deliveryOf, formatFlag } from "./delivery.ts";
import { changeCalls, changeFlags, realmsOf } from "./realms.ts";
import { written } from "./written.ts";

export const set = act({
  summary: "Change a realm's note, how its key is written, or where it goes; the key stays",
  words: ["REALM"],
  rest: "PROGRAM ARGUMENT...",
  flags: {
    format: formatFlag,
    ...deliveryFlags,
    nowhere: { type: "boolean", help: "It is put nowhere any more; what was put stays" },
    note: { type: "string", value: "TEXT", help: "A line for people; an empty one takes it away" },
    ...changeFlags,
  },
  calls: changeCalls,
  changes: true,
  examples: [
    "keyward realm set web-1/ssh --mode 0640 --group ssl-cert",
    "keyward realm set web-1/root --note 'asked for by the night shift'",
  ],
  notes: [
    "Of a realm's file, what no flag names stays as it is. Kind, length, policy and purpose make the key, and are not changed: list another realm.",
  ],
  async run(session, { words: [name = ""], flags, rest }) {
    const { nowhere = false, note, format } = flags;
    const realms = await realmsOf(session, flags);
    const delivery = deliveryOf(flags, rest, (await realms.find(name)).delivery);
    if (nowhere && delivery !== undefined)
      throw new KeywardError("usage", "--nowhere goes with no file and no program");
    if (!nowhere && delivery === undefined && note === undefined && format === undefined)
      throw new KeywardError("usage", "nothing to change is given", {
        hint: "see: keyward realm set --help",
      });
    const change = {
      ...(format === undefined ? {} : { encoding: format }),
      ...(nowhere ? { delivery: null } : delivery === undefined ? {} : { delivery }),
      ...(note === undefined ? {} : { note: note === "" ? null : note }),
    };
    written(session, "changed", await realms.set(name, change));
  },
});
