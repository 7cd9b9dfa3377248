/**
 * Marathon: what runs, and what it was given. Asked as the original's daemon asks: an app with its tasks, and one
 * version of an app. An app id is checked before it comes here.
 *
 *     GET /v2/apps/ID?embed=apps.tasks
 *     GET /v2/apps/ID/versions/VERSION
 *     GET /v2/events
 */
import { KeywardError } from "../../base/errors.ts";
import type { Upstream } from "../upstream.ts";
import { type MarathonApp, type MarathonVersion, parseApp, parseVersion } from "./documents.ts";

export type { MarathonApp, MarathonTask, MarathonVersion } from "./documents.ts";

export interface Marathon {
  /** @param id - `/shop/search`. @throws KeywardError as `Upstream.ask`; `malformed` when the answer is no app. */
  app(id: string): Promise<MarathonApp>;
  /** @param version - As the client wrote it. @throws KeywardError as `app` */
  version(id: string, version: string): Promise<MarathonVersion>;
  /**
   * Told when anything changes, for as long as the stream lasts.
   *
   * @param onOpen - The stream is there: from now on nothing is missed.
   * @returns When the stream has ended.
   * @throws KeywardError as `Upstream.follow`
   */
  follow(onOpen: () => void, onChange: () => void, signal: AbortSignal): Promise<void>;
  close(): void;
}

/** An app of ten thousand tasks. */
const LIMIT = 16_777_216;

export function createMarathon(upstream: Upstream): Marathon {
  const ask = async (path: string): Promise<Uint8Array> =>
    await upstream.ask({ method: "GET", path, limit: LIMIT });
  return {
    app: async (id) => parseApp(await ask(`/v2/apps${pathOf(id)}?embed=apps.tasks`)),
    version: async (id, version) =>
      parseVersion(await ask(`/v2/apps${pathOf(id)}/versions/${queryEscape(version)}`)),
    async follow(onOpen, onChange, signal) {
      const headers = { accept: "text/event-stream" };
      const events = await upstream.follow({ method: "GET", path: "/v2/events", headers, limit: 0 }, signal);
      onOpen();
      try {
        // what happened is of no interest, only that something did; blank lines keep the connection open
        for await (const chunk of events as AsyncIterable<Buffer>)
          if (/\S/.test(chunk.toString("latin1"))) onChange();
      } catch {
        // ended by the other side or by the signal: whoever called asks again
      } finally {
        events.destroy();
      }
    },
    close: () => upstream.close(),
  };
}

/** @throws KeywardError `internal` for an id that was not checked. */
function pathOf(id: string): string {
  if (/^(?:\/[A-Za-z0-9._-]+)+$/.test(id) && !/\/\.{1,2}(?:\/|$)/.test(id)) return id;
  throw new KeywardError("internal", "an app id that was not checked");
}

/** As Go's `url.QueryEscape`. */
function queryEscape(text: string): string {
  const hex = (found: string) => `%${found.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(text)
    .replace(/[!'()*]/g, hex)
    .replace(/%20/g, "+");
}
