/**
 * Mesos as a source: a task is who it says when the leading master lists it as alive; its keys, and what it may have
 * opened, are in its labels. The original looks at the variable's name alone; where the labels name the envelopes too,
 * or `strict` demands that they do, this looks at them.
 */
import type { Mesos, MesosTask } from "../adapters/mesos/mesos.ts";
import { KeywardError } from "../base/errors.ts";
import {
  ALLOWED_HASHES_LABEL,
  ALLOWED_VARS_LABEL,
  envelopeHash,
  parseAllowedHashes,
  parseAllowedVars,
} from "../formats/secretary/allowed.ts";
import { type PublicKey, parsePublicKey } from "../formats/secretary/keys.ts";
import type { Wanted } from "../formats/secretary/request.ts";
import type { Claim, Source } from "./asker.ts";
import { createCached } from "./cached.ts";
import { assertTaskId, isLive } from "./claim.ts";

export interface MesosSourceNeeds {
  readonly mesos: Pick<Mesos, "tasks">;
  /** Refuse tasks whose labels do not name their envelopes. */
  readonly strict?: boolean;
}

/** What a task was given, read once for as long as the list is kept. */
interface Given {
  readonly deploy: PublicKey;
  readonly service?: PublicKey;
  refusal(wanted: Wanted): string | null;
}

const ALL = "tasks";

export function createMesosSource({ mesos, strict = false }: MesosSourceNeeds): Source {
  const lists = createCached({ load: () => mesos.tasks() });
  const read = new WeakMap<MesosTask, Given>();

  async function look({ taskId }: Claim): Promise<MesosTask> {
    const { value, fresh } = await lists.get(ALL);
    const task = alive(value.get(taskId)) ?? (fresh ? null : alive((await lists.again(ALL)).get(taskId)));
    if (task !== null) return task;
    throw new KeywardError("not-found", "no such task runs");
  }

  function givenTo(task: MesosTask): Given {
    const given = read.get(task) ?? givenIn(task, strict);
    read.set(task, given);
    return given;
  }

  return {
    name: "mesos",
    assertClaim: ({ taskId }) => assertTaskId(taskId),
    async find(claim) {
      const { deploy, service, refusal } = givenTo(await look(claim));
      return {
        deploy,
        ...(service === undefined ? {} : { service }),
        isSame: ({ taskId }) => taskId === claim.taskId,
        refusal,
      };
    },
  };
}

function alive(task: MesosTask | undefined): MesosTask | null {
  return task !== undefined && isLive(task.state) ? task : null;
}

/** @throws KeywardError `not-found`, `malformed`, `too-large` */
function givenIn({ labels }: MesosTask, strict: boolean): Given {
  const deploy = labels.get("DEPLOY_PUBLIC_KEY");
  if (deploy === undefined) throw new KeywardError("not-found", "the task has no label DEPLOY_PUBLIC_KEY");
  const service = labels.get("SERVICE_PUBLIC_KEY");
  const names = labels.get(ALLOWED_VARS_LABEL);
  const hashes = labels.get(ALLOWED_HASHES_LABEL);
  const vars = names === undefined ? null : parseAllowedVars(names);
  const envelopes = hashes === undefined ? null : parseAllowedHashes(hashes);
  return {
    deploy: parsePublicKey(deploy, "the label DEPLOY_PUBLIC_KEY"),
    ...(service === undefined ? {} : { service: parsePublicKey(service, "the label SERVICE_PUBLIC_KEY") }),
    refusal({ key, requestedSecret }) {
      if (key === "") return "the request names no variable";
      if (vars === null) return `the task has no label ${ALLOWED_VARS_LABEL}`;
      if (!vars.has(key)) return `${ALLOWED_VARS_LABEL} does not name the variable`;
      if (envelopes === null) return strict ? `the task has no label ${ALLOWED_HASHES_LABEL}` : null;
      if (envelopes.get(key)?.has(envelopeHash(requestedSecret)) === true) return null;
      return `${ALLOWED_HASHES_LABEL} does not have this envelope for the variable`;
    },
  };
}
