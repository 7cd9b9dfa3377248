/** Long lists: every page, or the one asked for. */
import type { Flags } from "./command.ts";
import { integer } from "./read-flags.ts";

export const paging = {
  limit: { type: "string", value: "N", help: "At most this many; all unless given" },
  after: { type: "string", value: "NAME", help: "Only those after this one" },
} as const satisfies Flags;

const PAGE = 1000;

export interface Page<T> {
  readonly items: readonly T[];
  readonly more: boolean;
  /** Where the next page begins. */
  readonly last: string | undefined;
}

/** @throws KeywardError `usage` */
export async function everyPage<T>(
  flags: { readonly limit?: string; readonly after?: string },
  read: (page: { limit: string; after: string | undefined }) => Promise<Page<T>>,
): Promise<T[]> {
  const wanted = integer(flags.limit, "--limit", 1) ?? Number.POSITIVE_INFINITY;
  const items: T[] = [];
  let after = flags.after;
  for (;;) {
    const page = await read({ limit: String(Math.min(PAGE, wanted - items.length)), after });
    items.push(...page.items);
    if (!page.more || page.last === undefined || items.length >= wanted) return items;
    after = page.last;
  }
}
