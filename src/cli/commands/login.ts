/** `keyward login`: remember a server, once it and its CA have been checked. */
import path from "node:path";
import type { Api } from "../../api/api.ts";
import { fromUtf8 } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import type { Secret } from "../../base/secret.ts";
import { act } from "../../command/command.ts";
import { forgetLogin, loginFile, writeLogin } from "../../command/login-file.ts";
import { readPem, readPrivate } from "../../command/read-file.ts";
import { readSecret } from "../../command/read-secret.ts";
import type { Session } from "../../command/session.ts";
import { spellAddress } from "../../command/target.ts";
import { time } from "../../command/view.ts";
import type { World } from "../../command/world.ts";
import { runnable } from "../run.ts";

const MAX_TOKEN = 4096;

export const command = runnable(
  "login",
  act({
    summary: "Remember a server, the CA to trust for it, and a token",
    words: ["[ADDRESS]"],
    flags: {
      "ca-fingerprint": {
        type: "string",
        value: "HEX",
        help: "SHA-256 of the server's CA, from keyward ca show",
      },
      forget: { type: "boolean", help: "Forget what was remembered" },
    },
    calls: ["access.whoami"],
    examples: [
      "keyward login https://keys.example:5070 --ca-fingerprint 9f2c…",
      "keyward login keys.example --cacert keyward-ca.pem --token-file alice.token",
      "keyward login --forget",
    ],
    notes: [
      "The token is asked for at the terminal, or read from --token-file or stdin. It is kept in a file that only you can read, and is sent to this server only.",
    ],
    async run(session, { words: [address], flags }) {
      const { world, out } = session;
      if (flags.forget === true) {
        forgetLogin(world);
        return out.show({}, { blocks: [{ kind: "lines", lines: ["forgotten"] }], names: [] });
      }
      if (address === undefined) throw new KeywardError("usage", "login: ADDRESS is missing");
      const { cacert, "token-file": tokenFile } = flags as { cacert?: string; "token-file"?: string };
      const server = spellAddress(address);
      const ca = await trustedCa(server, world, cacert, flags["ca-fingerprint"]);
      using token = await readToken(world, tokenFile);
      await signIn(session, server, ca, token);
    },
  }),
);

async function trustedCa(
  address: string,
  world: World,
  file: string | undefined,
  fingerprint: string | undefined,
): Promise<string[]> {
  if (file !== undefined) return readPem(path.resolve(world.cwd, file));
  const { pinServer, presentedRoot } = await import("../../client/pin.ts");
  if (fingerprint !== undefined)
    return await pinServer(address, fingerprint.toLowerCase().replaceAll(":", ""));
  const shown = await presentedRoot(address);
  throw new KeywardError("usage", `${address}: presents a CA that nobody has vouched for yet`, {
    hint: `compare with keyward ca show on the server, then: keyward login ${address} --ca-fingerprint ${shown.fingerprint}`,
  });
}

async function readToken(world: World, file: string | undefined): Promise<Secret> {
  if (file !== undefined) return readPrivate(path.resolve(world.cwd, file), "token file");
  if (world.stdin.isTTY === true) return await world.askSecret("token: ");
  return await readSecret(world, undefined, { what: "token", limit: MAX_TOKEN, chomp: true });
}

/** What is remembered works: the server is asked who we are first. */
async function signIn(
  session: Session<"access.whoami">,
  address: string,
  ca: string[],
  token: Secret,
): Promise<void> {
  const { world, out } = session;
  const api: Api = await world.connect({ kind: "server", address, ca, token }, world);
  session.use(api);
  const { principal, expires } = await session.call("access.whoami", {});
  writeLogin(world, { address, ca, token: fromUtf8(token.reveal(), "token") });
  out.show(
    { address, principal, file: loginFile(world) },
    {
      blocks: [
        {
          kind: "fields",
          fields: [
            ["you are", principal],
            ["server", address],
            ["until", expires === undefined ? undefined : time(expires)],
            ["kept in", loginFile(world)],
          ],
        },
      ],
      names: [principal],
    },
  );
}
