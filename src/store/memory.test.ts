import { storeContract } from "./contract/contract.ts";
import { openMemory } from "./memory.ts";

storeContract("memory", async (options) => openMemory(options));
