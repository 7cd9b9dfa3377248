/**
 * Marathon as a source: a task is who it says when Marathon lists it as running in that version of its app; its keys,
 * and what it may have opened, are in the environment of that version.
 */
import type { Marathon, MarathonApp, MarathonVersion } from "../adapters/marathon/marathon.ts";
import { KeywardError } from "../base/errors.ts";
import { withoutSpace } from "../formats/secretary/go-space.ts";
import { type Instant, parseInstant } from "../formats/secretary/instant.ts";
import { type PublicKey, parsePublicKey } from "../formats/secretary/keys.ts";
import type { DecryptRequest } from "../formats/secretary/request.ts";
import type { Asker, Claim, Source } from "./asker.ts";
import { type Cached, createCached } from "./cached.ts";
import { assertAppId, assertTaskId, isLive } from "./claim.ts";

export interface MarathonSource extends Source {
  /** Something changed there. */
  changed(): void;
}

export interface MarathonSourceNeeds {
  readonly marathon: Pick<Marathon, "app" | "version">;
  /** Told when an answer is used a second time. */
  readonly onReuse?: () => void;
}

/** What a version of an app was given; kept with what is wrong with it, so that a wrong one is not asked for twice. */
type Given =
  | {
      readonly deploy: PublicKey;
      readonly service?: PublicKey;
      /** The values of its environment, without blanks. */
      readonly values: readonly string[];
    }
  | KeywardError;

/** Neither an app id nor a version has a blank. */
const BETWEEN = " ";

export function createMarathonSource({ marathon, onReuse }: MarathonSourceNeeds): MarathonSource {
  const told = onReuse === undefined ? {} : { onReuse };
  const apps: Cached<MarathonApp> = createCached({
    load: async (id) => {
      const app = await marathon.app(id);
      if (app.id !== id) throw new KeywardError("malformed", "Marathon's answer: is of another app");
      return app;
    },
    ...told,
  });
  const versions: Cached<Given> = createCached({
    load: async (key) => {
      const [id = "", version = ""] = key.split(BETWEEN);
      const answer = await marathon.version(id, version);
      if (answer.id !== id || !isSameInstant(parseInstant(answer.version), parseInstant(version)))
        throw new KeywardError("malformed", "Marathon's answer: is of another app or version");
      return givenIn(answer);
    },
    ...told,
  });

  async function assertRuns(claim: Claim): Promise<void> {
    const { value, fresh } = await apps.get(claim.appId);
    if (runs(value, claim) || (!fresh && runs(await apps.again(claim.appId), claim))) return;
    throw new KeywardError("not-found", "no such task runs in this version of the app");
  }

  return {
    name: "marathon",
    assertClaim({ appId, taskId }) {
      assertAppId(appId);
      assertTaskId(taskId);
    },
    async find(claim) {
      await assertRuns(claim);
      const { value } = await versions.get(`${claim.appId}${BETWEEN}${claim.appVersion}`);
      if (value instanceof KeywardError) throw value;
      const { deploy, service, values } = value;
      return {
        deploy,
        ...(service === undefined ? {} : { service }),
        isSame: (request) => isSame(request, claim),
        refusal: ({ requestedSecret }) =>
          values.some((text) => text.includes(requestedSecret))
            ? null
            : "it is not part of the app's environment",
      } satisfies Asker;
    },
    changed() {
      apps.clear();
      versions.clear();
    },
  };
}

function runs({ tasks }: MarathonApp, { taskId, instant }: Claim): boolean {
  return tasks.some(
    ({ id, version, state }) =>
      id === taskId && isSameInstant(parseInstant(version), instant) && (state === "" || isLive(state)),
  );
}

function isSame({ appId, appVersion, taskId }: DecryptRequest, claim: Claim): boolean {
  const same = appId === claim.appId && taskId === claim.taskId;
  return same && isSameInstant(parseInstant(appVersion), claim.instant);
}

/** What is no time equals nothing. */
function isSameInstant(a: Instant | null, b: Instant | null): boolean {
  return a !== null && a === b;
}

function givenIn({ env }: MarathonVersion): Given {
  const deploy = env.get("DEPLOY_PUBLIC_KEY");
  if (deploy === undefined)
    return new KeywardError("not-found", "the app's environment has no DEPLOY_PUBLIC_KEY");
  const service = env.get("SERVICE_PUBLIC_KEY");
  try {
    return {
      deploy: parsePublicKey(deploy, "DEPLOY_PUBLIC_KEY"),
      ...(service === undefined ? {} : { service: parsePublicKey(service, "SERVICE_PUBLIC_KEY") }),
      values: Array.from(env.values(), withoutSpace),
    };
  } catch (error) {
    if (error instanceof KeywardError) return error;
    throw error;
  }
}
