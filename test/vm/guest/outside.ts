/** Outside: the world around this machine does something when a program in here asks for it. */

/** @param act - One of those that the story gave to `createOutside`. @throws Error when it fails. */
export async function ask(act: string, given: Uint8Array | string = ""): Promise<string> {
  const address = `http://keys.test:${process.env.KW_OUTSIDE}/${encodeURIComponent(act)}`;
  // A connection that is kept may have ended while a program ran here.
  const headers = { connection: "close" };
  const answer = await fetch(address, { method: "POST", headers, body: given as never });
  const said = await answer.text();
  if (!answer.ok) throw new Error(`${act}: ${said}`);
  return said;
}
