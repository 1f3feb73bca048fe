/** POST pods/NAME/eviction: a deletion that a disruption budget may refuse. */
import type { Clock } from '@timonel/sdk';
import type { DeleteOptions } from '@timonel/sdk/contracts/api';
import type { SubresourceAccess, SubresourceHandler } from '@timonel/sdk/contracts/api-server';
import { setCondition } from '@timonel/sdk/controller';
import { ApiError, disruptionTarget, isConflict, podDisruptionBudgets, type Pod } from '@timonel/sdk/kube';
import { readEviction } from './eviction-body.ts';
import { budgetOf, mayGoUnready, needsNoBudget, useBudget } from './eviction-budget.ts';

/** A pod that changes all the time is looked at anew so many times. */
const attemptsLimit = 20;

function checkPreconditions({ metadata }: Pod, { preconditions = {} }: DeleteOptions): void {
  const { uid = metadata.uid, resourceVersion = metadata.resourceVersion } = preconditions;
  if (uid === metadata.uid && resourceVersion === metadata.resourceVersion) return;
  throw new ApiError(
    'Conflict',
    `Operation cannot be fulfilled on pods "${metadata.name}": the preconditions of the eviction are those of another version of the pod`,
    { name: metadata.name ?? '', kind: 'pods' },
  );
}

function identityOf({ metadata }: Pod, withVersion: boolean): NonNullable<DeleteOptions['preconditions']> {
  const { uid, resourceVersion } = metadata;
  return {
    ...(uid === undefined ? {} : { uid }),
    ...(withVersion && resourceVersion !== undefined ? { resourceVersion } : {}),
  };
}

class Eviction {
  readonly #access: SubresourceAccess<Pod>;
  readonly #clock: Clock;
  readonly #options: DeleteOptions;
  readonly #dryRun: boolean;
  /** Of an earlier attempt: a pod uses up one disruption. */
  #budgetUsed = false;

  constructor(access: SubresourceAccess<Pod>, clock: Clock, options: DeleteOptions, dryRun: boolean) {
    this.#access = access;
    this.#clock = clock;
    this.#options = options;
    this.#dryRun = dryRun;
  }

  /** One attempt. False: the pod changed meanwhile in a way that may matter. @throws ApiError */
  async attempt(): Promise<boolean> {
    const pod = await this.#access.get();
    checkPreconditions(pod, this.#options);
    const onlyAsSeen = await this.#allowed(pod);
    if (this.#dryRun) return true;
    try {
      await this.#end(pod, onlyAsSeen);
      return true;
    } catch (error) {
      const isOurs = onlyAsSeen && this.#options.preconditions?.resourceVersion === undefined;
      if (isOurs && isConflict(error)) return false;
      throw error;
    }
  }

  /** Answers whether the pod may go only as it is now. @throws ApiError TooManyRequests */
  async #allowed(pod: Pod): Promise<boolean> {
    if (this.#budgetUsed) return false;
    if (needsNoBudget(pod)) return pod.status?.phase === 'Pending';
    const { namespace, name = '' } = pod.metadata;
    const budget = budgetOf(pod, await this.#access.list(podDisruptionBudgets, namespace));
    if (budget === undefined) return false;
    if (mayGoUnready(pod, budget)) return true;
    const timestamp = this.#clock.timestamp();
    if (this.#dryRun) useBudget(structuredClone(budget), name, timestamp);
    else {
      const budgetName = { namespace, name: budget.metadata.name ?? '' };
      await this.#access.updateOther(podDisruptionBudgets, budgetName, (one) => useBudget(one, name, timestamp));
      this.#budgetUsed = true;
    }
    return false;
  }

  async #end(pod: Pod, onlyAsSeen: boolean): Promise<void> {
    const { preconditions } = this.#options;
    const fenced = onlyAsSeen || preconditions?.resourceVersion !== undefined;
    const marked = await this.#access.update((current) => {
      checkPreconditions(current, { preconditions: identityOf(pod, fenced) });
      this.#mark(current);
    });
    await this.#access.delete({ ...this.#options, preconditions: { ...preconditions, ...identityOf(marked, fenced) } });
  }

  /** Not what has ended: nobody disturbs it any more, and why it failed must stay to be seen. */
  #mark(pod: Pod): void {
    const { phase } = pod.status ?? {};
    if (phase === 'Succeeded' || phase === 'Failed' || pod.metadata.deletionTimestamp !== undefined) return;
    const reason = 'EvictionByEvictionAPI';
    const condition = { type: disruptionTarget, status: 'True', reason, message: 'evicted through the API' } as const;
    const conditions = setCondition(pod.status?.conditions, condition, this.#clock.timestamp());
    pod.status = { ...pod.status, conditions };
  }
}

export function evictionHandler(clock: Clock): SubresourceHandler<Pod> {
  return {
    methods: ['POST'],
    kind: 'Eviction',
    group: 'policy',
    version: 'v1',
    async handle(request, access) {
      const { options, dryRun } = readEviction(request);
      const eviction = new Eviction(access, clock, options, dryRun);
      let attempts = 1;
      while (!(await eviction.attempt())) {
        attempts += 1;
        if (attempts > attemptsLimit)
          throw new ApiError('Conflict', `pod ${request.name} changes all the time: please try again`);
      }
      return {
        kind: 'object',
        status: 201,
        object: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 },
      };
    },
  };
}
