/**
 * Reseal bags of a Chef server: each item is replaced as a whole by one request. Items are read a few at a time, and
 * written one after the other in each bag: goiardi loses items of one bag that arrive at once.
 */
import { inParallel } from "../../base/in-parallel.ts";
import type { Session } from "../../command/session.ts";
import { type DataBagItemId, type DataBagName, parseDataBagItemId } from "../../model/data-bag.ts";
import type { BagPlace } from "./place.ts";
import { type ResealNeeds, resealItem } from "./reseal.ts";
import { count, countFailure, createTally, doneOf, type Tally } from "./tally.ts";

/** Items under way at once. */
const WIDTH = 16;

interface Where {
  readonly bag: DataBagName;
  readonly id: DataBagItemId;
  readonly vault: boolean;
}

/** @param write - Nothing is written without it, only counted. */
export async function resealPlace(
  { progress, world }: Pick<Session, "progress" | "world">,
  place: BagPlace,
  needs: ResealNeeds,
  write: boolean,
): Promise<Tally> {
  const all = await itemsOf(place);
  const tally = createTally(all.length);
  const writing = inTurn();
  await inParallel(all, WIDTH, async ({ bag, id, vault }) => {
    if (world.interrupted.aborted) return;
    progress.say(`${doneOf(tally)} of ${all.length}  ${bag}/${id}`);
    try {
      if (vault) tally.vault++;
      else count(tally, await resealOne(place, { bag, id }, needs, write && writing));
    } catch (error) {
      countFailure(tally, `${bag}/${id}`, error);
    }
  });
  progress.end();
  return tally;
}

async function resealOne(
  place: BagPlace,
  { bag, id }: Omit<Where, "vault">,
  needs: ResealNeeds,
  writing: ReturnType<typeof inTurn> | false,
): ReturnType<typeof resealItem> {
  const was = await place.read(bag, id);
  const done = await resealItem(was, needs);
  if (done.kind === "resealed" && writing !== false)
    await writing(bag, () => place.replace(bag, id, done.item, was));
  return done;
}

/** Steps of one bag follow each other; those of different ones do not wait. */
function inTurn(): (bag: string, step: () => Promise<void>) => Promise<void> {
  const last = new Map<string, Promise<void>>();
  return (bag, step) => {
    const done = (last.get(bag) ?? Promise.resolve()).then(step);
    last.set(
      bag,
      done.catch(() => {}),
    );
    return done;
  };
}

async function itemsOf(place: BagPlace): Promise<Where[]> {
  const bags = (await place.bags()) as DataBagName[];
  const all = await inParallel(bags, WIDTH, async (bag) => {
    const ids = new Set(await place.items(bag));
    return [...ids].map((id) => ({ bag, id: parseDataBagItemId(id), vault: ids.has(`${id}_keys`) }));
  });
  return all.flat();
}
