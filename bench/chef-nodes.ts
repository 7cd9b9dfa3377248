/** Chef nodes as a site has them, and a server that hands them out page by page, signed requests or not. */
import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { AttributeTree } from "../src/model/node.ts";

export interface NodeServer {
  readonly url: string;
  /** For who must sign, PEM. */
  readonly key: string;
  stop(): Promise<void>;
}

export function nodeOf(i: number): AttributeTree {
  const roles = [["web", "api", "db", "cache", "queue"][i % 5] ?? "web", i % 2 === 0 ? "base" : "edge"];
  return {
    name: `node-${i}.example.com`,
    chef_environment: ["prod", "stage", "dev"][i % 3] ?? "dev",
    run_list: roles.map((role) => `role[${role}]`),
    normal: {
      tags: [`t${i % 50}`, `rack${i % 200}`],
      app: { shard: String(i % 64), owner: `team${i % 20}` },
    },
    default: { limits: { nofile: "1024" }, dc: `dc${i % 4}` },
    override: {},
    automatic: {
      roles,
      ipaddress: `10.${i >> 12}.${(i >> 6) & 63}.${i & 63}`,
      platform: i % 3 === 0 ? "ubuntu" : "debian",
      platform_version: `${10 + (i % 5)}.${i % 10}`,
      kernel: { release: `5.${i % 20}.0`, machine: "x86_64" },
      memory: { total: `${(i % 64) + 1}024kB` },
    },
  };
}

export async function serveNodes(count: number): Promise<NodeServer> {
  const nodes = Array.from({ length: count }, (_, i) => nodeOf(i));
  const names = JSON.stringify(Object.fromEntries(nodes.map(({ name }) => [String(name), "x"])));
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "", "http://chef");
    if (pathname === "/nodes") return void response.end(names);
    const start = Number(searchParams.get("start"));
    const rows = nodes.slice(start, start + Number(searchParams.get("rows")));
    response.end(JSON.stringify({ total: count, start, rows }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    key: String(privateKey.export({ type: "pkcs8", format: "pem" })),
    stop: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
