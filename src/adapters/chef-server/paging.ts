/**
 * Search, page after page. How many there are is not believed: goiardi says how many it sent. A page that is not full
 * is the last one.
 */
import { KeywardError } from "../../base/errors.ts";
import { type ExactJson, isExactObject, parseExactJson } from "../../base/exact-json.ts";
import type { Json } from "../../base/json.ts";
import { parseChefObject } from "../../model/chef-facts.ts";
import type { ChefServer, FoundPage } from "../../model/chef-server.ts";
import { isObject } from "../../model/flatten.ts";
import type { Requests } from "./requests.ts";

const ROWS = 1000;
/** A million objects: a server that always sends full pages does not keep us for ever. */
const MAX_PAGES = 1000;
const pageLimits = { size: 268_435_456, depth: 128, count: 50_000_000 };

type Paging = Pick<ChefServer, "search" | "partialSearch" | "searchPage">;

export function createPaging({ get, ask }: Requests, name: string): Paging {
  async function* pages(read: (query: string) => Promise<string>, query: string): AsyncIterable<Json> {
    for (let page = 0; page < MAX_PAGES; page++) {
      const where = `?q=${encodeURIComponent(query)}&start=${page * ROWS}&rows=${ROWS}`;
      const rows = rowsOf(parseChefObject(await read(where), name, pageLimits), name);
      yield* rows;
      if (rows.length < ROWS) return;
    }
    throw new KeywardError("too-large", `${name}: a search without end`);
  }

  return {
    search: (index, query) => pages((where) => get(`/search/${indexOf(index)}`, where), query),
    async *partialSearch(index, query, wanted) {
      const body = JSON.stringify(wanted);
      for await (const row of pages((where) => ask(`/search/${indexOf(index)}`, where, body), query)) {
        if (!isObject(row) || !isObject(row.data))
          throw new KeywardError("malformed", `${name}: a row without data`);
        yield row.data;
      }
    },
    async searchPage(index, query, { start, rows, wanted }) {
      const where = `?q=${encodeURIComponent(query)}&start=${start}&rows=${rows}`;
      const path = `/search/${indexOf(index)}`;
      const text = await (wanted === undefined ? get(path, where) : ask(path, where, JSON.stringify(wanted)));
      return foundIn(parseExactJson(text, name, pageLimits), name, wanted !== undefined);
    },
  };
}

/** @param partial - What was asked for lies under `data`. */
function foundIn(answer: ExactJson, name: string, partial: boolean): FoundPage {
  const rows = isExactObject(answer) ? answer.get("rows") : undefined;
  const total = isExactObject(answer) ? Number(answer.get("total")) : Number.NaN;
  if (!Array.isArray(rows) || !Number.isSafeInteger(total))
    throw new KeywardError("malformed", `${name}: a search without rows`);
  if (!partial) return { rows, total };
  const found = rows.map((row: ExactJson) => (isExactObject(row) ? row.get("data") : undefined));
  if (found.some((row) => !isExactObject(row)))
    throw new KeywardError("malformed", `${name}: a row without data`);
  return { rows: found as ExactJson[], total };
}

function indexOf(index: string): string {
  if (/^[\w.:-]+$/.test(index) && !/^\.+$/.test(index)) return encodeURIComponent(index);
  throw new KeywardError("usage", "Chef server: the name of an index holds letters, digits and _ - . : only");
}

function rowsOf(answer: Json, name: string): readonly Json[] {
  const rows = isObject(answer) ? answer.rows : undefined;
  if (Array.isArray(rows)) return rows;
  throw new KeywardError("malformed", `${name}: a search without rows`);
}
