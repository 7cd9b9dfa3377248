/**
 * Contract: what every keeper promises, as one suite of tests. `storeContract("sqlite", open)` in a keeper's
 * test file runs all of it against that keeper.
 */
import { describe } from "node:test";
import type { Store } from "../store.ts";
import { commitContract } from "./commit.ts";
import { modelContract } from "./model.ts";
import { rangeContract } from "./range.ts";
import { transactContract } from "./transact.ts";
import { watchContract } from "./watch.ts";

/** Opens an empty store; the test closes it. */
export type Open = (options?: { keepTombstones?: number }) => Promise<Store>;

export function storeContract(name: string, open: Open): void {
  describe(`store contract: ${name}`, () => {
    commitContract(open);
    rangeContract(open);
    watchContract(open);
    transactContract(open);
    modelContract(open);
  });
}
