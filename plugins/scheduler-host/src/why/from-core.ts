/** The explainer of pods over the parts of the host. */
import type { ExternalScheduler } from '@timonel/sdk/contracts/scheduler';
import { isNotFound, pods, type Pod } from '@timonel/sdk/kube';
import type { Core } from '../core.ts';
import type { AttemptFailures } from './attempt-failures.ts';
import { PodExplainer } from './pod-explainer.ts';

export interface HostSurroundings {
  /** Whether any plugin provides a scheduler. */
  readonly hasScheduler: () => boolean;
  readonly failures: AttemptFailures;
  /** Schedulers outside. Default: none is known. */
  readonly externals?: () => readonly ExternalScheduler[];
}

async function podOf({ api }: Core, namespace: string, name: string): Promise<Pod | undefined> {
  try {
    return await api.get(pods, { namespace, name });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

export function podExplainerOf(
  core: Core,
  { hasScheduler, failures, externals = () => [] }: HostSurroundings,
): PodExplainer {
  const { env, state, queue, decisions, preemptions, assumed, current, infoOf, active } = core;
  return new PodExplainer({
    clock: env.clock,
    snapshot: state,
    podNamed: (namespace, name) => podOf(core, namespace, name),
    nodeNamed: (name) => state.row(name)?.node,
    infoOf,
    waiting: (uid) => queue.get(uid),
    decisionsOf: (uid) => decisions.ofPod(uid),
    failureOf: (uid) => failures.of(uid),
    waitsForVictims: (uid) => preemptions.waits(uid),
    assumedNode: (uid) => (assumed.has(uid) ? state.placementOf(uid)?.nodeName : undefined),
    inCharge: () =>
      hasScheduler() ? { name: current.name, service: current.service, profiles: current.traits.profiles } : undefined,
    externalNamed: (schedulerName) => externals().find(({ name }) => name === schedulerName),
    leads: active,
  });
}
