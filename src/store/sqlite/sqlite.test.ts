import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { storeContract } from "../contract/contract.ts";
import { openSqlite } from "./sqlite.ts";

const root = mkdtempSync(join(tmpdir(), "keyward-store-"));
after(() => rmSync(root, { recursive: true }));

let opened = 0;
storeContract("sqlite", (options) => openSqlite({ ...options, directory: join(root, String(opened++)) }));
