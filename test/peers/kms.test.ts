/** PyPI's moto, a server that others test their AWS programs against, holds itself to what our fake does. */
import { spawn } from "node:child_process";
import { createServer } from "node:net";
import path from "node:path";
import { kmsContract, type Running } from "../kms/contract.ts";
import { pythonPeer } from "./python.ts";

const REGION = "eu-west-1";
const moto = await pythonPeer("moto", ["moto==5.2.5", "Flask==3.1.3", "flask-cors==6.0.5"]);

async function startMoto(): Promise<Running> {
  const port = await freePort();
  const program = path.join(moto.bin ?? "", "moto_server");
  const server = spawn(program, ["-H", "127.0.0.1", "-p", String(port)], { stdio: "ignore" });
  const endpoint = `http://127.0.0.1:${port}`;
  for (let tries = 0; tries < 200 && !(await answers(endpoint)); tries++)
    await new Promise((resolve) => setTimeout(resolve, 100));
  return {
    endpoint,
    region: REGION,
    account: { accessKeyId: "AKIDEXAMPLE000000000", secretAccessKey: "any" },
    stop: () =>
      new Promise((resolve) => {
        server.once("exit", () => resolve());
        server.kill();
      }),
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
    server.once("error", reject);
  });
}

async function answers(endpoint: string): Promise<boolean> {
  try {
    return (await fetch(`${endpoint}/moto-api/`)).status < 500;
  } catch {
    return false;
  }
}

kmsContract("moto", startMoto, {
  skip: moto.skip,
  stateless: "moto: keeps a key's state, and uses the key all the same",
});
