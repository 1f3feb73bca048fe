/** Ends the pods of a node that goes down, those of least priority first, each group within its time. */
import type { Env, Logger } from '@timonel/sdk';
import type { ContainerStatus } from '@timonel/sdk/contracts/runtime';
import type { Pod } from '@timonel/sdk/kube';
import { priorityOf } from '../eviction/rank.ts';
import type { Ending } from '../plan/ending.ts';
import { grouped, type ShutdownGroup } from './groups.ts';

/** A pod as its worker has it. */
export interface Endable {
  pod(): Pod;
  readonly containers: ReadonlyMap<string, ContainerStatus>;
  readonly isResting: boolean;
  end(ending: Ending): boolean;
}

export interface NodeShutdownParts {
  readonly groups: readonly ShutdownGroup[];
  readonly env: Env;
  readonly log: Logger;
  workers(): readonly Endable[];
  /** The node is not ready from now on. */
  begun(): void;
}

const message = 'Pod was terminated in response to imminent node shutdown.';
const pollMs = 100;
/** For the statuses of a group that ended in its time, and for what stops containers that did not. */
const settleMs = 1000;
const leastGraceMs = 1000;

export class NodeShutdown {
  readonly #parts: NodeShutdownParts;
  #hasBegun = false;

  constructor(parts: NodeShutdownParts) {
    this.#parts = parts;
  }

  /** Pods are ended with their node. */
  get isWanted(): boolean {
    return this.#parts.groups.length > 0;
  }

  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** The longest that `run` takes. */
  get limitMs(): number {
    return this.#parts.groups.reduce((sum, { graceMs }) => sum + graceMs + settleMs, 0);
  }

  async run(): Promise<void> {
    const { groups, log } = this.#parts;
    this.#hasBegun = true;
    this.#parts.begun();
    const workers = this.#parts.workers();
    log.info({ pods: workers.length }, 'the node goes down: its pods are ended');
    for (const { group, items } of grouped(groups, workers, (worker) => priorityOf(worker.pod()))) {
      await this.#end(group, items);
    }
  }

  async #end({ priority, graceMs }: ShutdownGroup, workers: readonly Endable[]): Promise<void> {
    const { env, log } = this.#parts;
    const ended = workers.filter((worker) => worker.end(endingOf(worker.pod(), graceMs)));
    const until = env.clock.monotonic() + graceMs + settleMs;
    while (!ended.every(isDone) && env.clock.monotonic() < until) await env.timers.sleep(pollMs);
    const late = ended.filter((worker) => !isDone(worker)).map((worker) => worker.pod().metadata.name);
    if (late.length > 0) log.warn({ priority, pods: late }, 'pods did not end in the time of the shutdown');
  }
}

/** No more time than the pod asks for. */
function endingOf({ spec }: Pod, graceMs: number): Ending {
  const wantedMs = (spec.terminationGracePeriodSeconds ?? 30) * 1000;
  return {
    reason: 'Terminated',
    message,
    gracePeriodMs: Math.max(leastGraceMs, Math.min(graceMs, wantedMs)),
    isDisruption: true,
    leavesNothing: false,
  };
}

function isDone({ containers, isResting }: Endable): boolean {
  return isResting && [...containers.values()].every(({ state }) => state === 'exited');
}
