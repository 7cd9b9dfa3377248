/** Secretary's parts together: the systems that vouch for tasks, the keys, and the decision over both. */
import { createMarathon } from "../adapters/marathon/marathon.ts";
import { createMesos } from "../adapters/mesos/mesos.ts";
import { createUpstream } from "../adapters/upstream.ts";
import type { Clock } from "../base/time.ts";
import type { Random } from "../crypto/random.ts";
import type { PrivateKey } from "../formats/secretary/keys.ts";
import type { Source } from "../secretary/asker.ts";
import { createBoxKeys } from "../secretary/box-keys.ts";
import { createDecision, type Decision, type DecisionNeeds, type Sources } from "../secretary/decision.ts";
import { createFollowing, type Following } from "../secretary/following.ts";
import { createMarathonSource, type MarathonSource } from "../secretary/marathon-source.ts";
import { createMesosSource } from "../secretary/mesos-source.ts";
import { createOpening, type OpeningNeeds } from "../secretary/opening.ts";
import { createReplays } from "../secretary/replays.ts";

export interface SecretaryOptions extends Pick<OpeningNeeds, "configs" | "hpke" | "kms"> {
  /** The newest first. */
  readonly masters: readonly PrivateKey[];
  /** Absent: not asked. */
  readonly marathon?: URL;
  readonly mesos?: URL;
  /** Keyward's own nodes. */
  readonly own?: Source;
  /** Refuse Mesos tasks whose labels do not name their envelopes. */
  readonly strict?: boolean;
  /** Refuse requests without a time, and so the original's clients. */
  readonly requireTime?: boolean;
  /** PEM: whom to trust for Marathon and Mesos instead of the system's certificates. */
  readonly upstreamCa?: readonly string[];
  /** For each question to them. */
  readonly upstreamMs?: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly audit: DecisionNeeds["audit"];
}

export interface Secretary {
  readonly decision: Decision;
  /** Ends connections, wipes what was derived. */
  close(): void;
}

export function createSecretary(options: SecretaryOptions): Secretary {
  const { masters, strict = false, requireTime = false, clock, random, audit, upstreamMs } = options;
  const boxKeys = createBoxKeys();
  const ends: (() => void)[] = [() => boxKeys.close()];

  function connect(what: string, url: URL) {
    const { upstreamCa: ca } = options;
    const limits = upstreamMs === undefined ? {} : { deadlineMs: upstreamMs };
    return createUpstream({ what, url, ...limits, ...(ca === undefined ? {} : { ca }) });
  }

  function marathonAt(url: URL): MarathonSource {
    const marathon = createMarathon(connect("Marathon", url));
    let following: Following | null = null;
    const source = createMarathonSource({ marathon, onReuse: () => following?.start() });
    following = createFollowing({ marathon, onChange: () => source.changed() });
    ends.push(following.stop, () => marathon.close());
    return source;
  }

  function mesosAt(url: URL): Source {
    const mesos = createMesos({ url, connect: (master) => connect("Mesos", master) });
    ends.push(() => mesos.close());
    return createMesosSource({ mesos, strict });
  }

  const sources: Sources = {
    ...(options.marathon === undefined ? {} : { marathon: marathonAt(options.marathon) }),
    ...(options.mesos === undefined ? {} : { mesos: mesosAt(options.mesos) }),
    ...(options.own === undefined ? {} : { keyward: options.own }),
  };
  const opening = createOpening({ ...options, boxKeys });
  const replays = createReplays({ clock, requireTime });
  return {
    decision: createDecision({ sources, masters, boxKeys, opening, replays, random, audit }),
    close() {
      for (const end of ends) end();
    },
  };
}
