/** What a guest reaches of the machine around it. */
import assert from "node:assert/strict";
import { check, guest } from "./report.ts";

const get = (address: string): Promise<Response> => fetch(address, { signal: AbortSignal.timeout(5000) });

void guest(async () => {
  await check("the server that it was given is reached, again and again", async () => {
    for (let time = 0; time < 3; time++) {
      const answer = await get(`http://keys.test:${process.env.KW_PORT}/`);
      assert.equal(await answer.text(), "from 127.0.0.1");
    }
  });
  await check("nothing beyond the machine around it is reached", async () => {
    await assert.rejects(get("http://192.0.2.1/"), ({ cause }) => cause.code === "ENETUNREACH");
  });
});
