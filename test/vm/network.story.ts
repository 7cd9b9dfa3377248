/** Both kinds of machine reach one server of this machine, and nothing beyond it. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { boot } from "./machine.ts";
import { createTcgMachine } from "./tcg.ts";
import { createUmlMachine } from "./uml.ts";

for (const create of [createUmlMachine, createTcgMachine])
  test(`${create.name}: a server is reached, and nothing else`, async (t) => {
    const server = createServer((request, response) => response.end(`from ${request.socket.remoteAddress}`));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const machine = create();
    t.after(() => {
      machine.remove();
      server.close();
      server.closeAllConnections();
    });
    await boot(t, machine, { program: "network", port: (server.address() as AddressInfo).port });
  });
