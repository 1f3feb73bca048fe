/** The explainer of pods over the parts of the host. */
import type { Pod } from '@timonel/sdk/kube';
import type { Core } from '../next/core.ts';
import type { AttemptFailures } from './attempt-failures.ts';
import { PodExplainer } from './pod-explainer.ts';

export interface HostSurroundings {
  readonly podNamed: (namespace: string, name: string) => Pod | undefined;
  /** Whether any plugin provides a scheduler. */
  readonly hasScheduler: () => boolean;
  readonly failures: AttemptFailures;
}

export function podExplainerOf(core: Core, { podNamed, hasScheduler, failures }: HostSurroundings): PodExplainer {
  const { env, state, queue, decisions, preemptions, assumed, current, infoOf, active } = core;
  return new PodExplainer({
    clock: env.clock,
    snapshot: state,
    podNamed,
    nodeNamed: (name) => state.row(name)?.node,
    infoOf,
    waiting: (uid) => queue.get(uid),
    decisionsOf: (uid) => decisions.ofPod(uid),
    failureOf: (uid) => failures.of(uid),
    waitsForVictims: (uid) => preemptions.waits(uid),
    assumedNode: (uid) => (assumed.has(uid) ? state.placementOf(uid)?.nodeName : undefined),
    inCharge: () =>
      hasScheduler() ? { name: current.name, service: current.service, profiles: current.traits.profiles } : undefined,
    leads: active,
  });
}
