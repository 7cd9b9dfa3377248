/** `keyward data-bag reseal`: every item from an old secret to a new one. */
import path from "node:path";
import { KeywardError } from "../../../base/errors.ts";
import { isOnServer, type PlaceWords, placeFlags, withPlace } from "../../../chef/data-bag/place.ts";
import { openRepository } from "../../../chef/data-bag/repository.ts";
import type { ResealNeeds } from "../../../chef/data-bag/reseal.ts";
import { filesIn, resealFiles } from "../../../chef/data-bag/reseal-files.ts";
import { resealPlace } from "../../../chef/data-bag/reseal-place.ts";
import { readDataBagSecret, secretFlag } from "../../../chef/data-bag/secret-flag.ts";
import { leftOf, report, type Tally } from "../../../chef/data-bag/tally.ts";
import { act } from "../../../command/command.ts";
import type { Session } from "../../../command/session.ts";
import { versionFlag, versionOf } from "./convert.ts";

export const reseal = act({
  summary: "Encrypt items under a new secret, whole bags at once",
  words: ["[FILE...]"],
  flags: {
    ...secretFlag,
    "new-secret-file": { type: "string", value: "FILE", help: "The secret from now on" },
    ...versionFlag,
    all: { type: "boolean", help: "Every item of every bag in the chef repository, or on the Chef server" },
    ...placeFlags,
  },
  calls: [],
  changes: true,
  examples: [
    "keyward data-bag reseal --secret-file old --new-secret-file new --all --dry-run",
    "keyward data-bag reseal --secret-file old --new-secret-file new --all --repo /srv/chef",
    "keyward data-bag reseal --secret-file old --new-secret-file new --all --chef-server https://chef.example.com/organizations/acme --chef-user admin --chef-key admin.pem",
    "keyward data-bag reseal --secret-file old --new-secret-file old --version 3 item.json",
  ],
  notes: [
    "FILE is an item's file, or a folder with all that is below it. Each item is replaced in one step, and only when it is still as it was read. A run that was broken off is run again: what is under the new secret already stays as it is. What is not encrypted stays in plain, and items of vaults are left alone.",
    "Afterwards everything is read again. The report says how many there are of each kind; exit status 0 means that nothing remains under the old secret.",
  ],
  async run(session, { words, flags }) {
    if ((words.length === 0) === (flags.all !== true))
      throw new KeywardError("usage", "want FILE, or --all for a chef repository or a Chef server");
    using old = readDataBagSecret(session, flags["secret-file"]);
    using next = readDataBagSecret(session, flags["new-secret-file"], "--new-secret-file", "seal");
    const needs = { old: [old], next, version: versionOf(flags.version, 3) };
    if (flags.all === true && isOnServer(session.world, flags)) {
      await withPlace(session, flags, (place) =>
        twice(session, (write) => resealPlace(session, place, needs, write)),
      );
      return;
    }
    const places = flags.all === true ? [directoryOf(session, flags)] : words;
    await twice(session, (write) => resealIn(session, places, needs, write));
  },
});

function directoryOf({ world }: Session<never>, flags: PlaceWords): string {
  return openRepository(path.resolve(world.cwd, flags.repo ?? ".")).directory;
}

function resealIn(
  session: Session<never>,
  places: readonly string[],
  needs: ResealNeeds,
  write: boolean,
): Promise<Tally> {
  return resealFiles(session, filesIn(places, session.world.cwd), needs, write);
}

/** Once to do it, and once more to see what is left. */
async function twice(session: Session<never>, walk: (write: boolean) => Promise<Tally>): Promise<void> {
  const tally = await walk(!session.dryRun);
  const whole = !session.dryRun && leftOf(tally) === 0;
  report(session, tally, whole ? await walk(false) : null);
}
