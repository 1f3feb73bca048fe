/** A cluster in which a scheduler is in charge: as the host does it, without an API. */
import type { Env } from '@timonel/sdk';
import type { Decision, PodInfo, Scheduler, SchedulerSnapshot } from '@timonel/sdk/contracts/scheduler';
import { ClusterState } from '../../state/cluster-state.ts';
import { aNode, aPodInfo, noObjects } from '../../testing/stand-ins.ts';
import type { ShadowRun } from '../shadow-run.ts';

export const asks = (cpu: string, memory?: string) => ({
  containers: [{ name: 'c', image: 'x:1', resources: { requests: { cpu, ...(memory && { memory }) } } }],
});

export function aClusterOf(...names: readonly string[]): ClusterState {
  const state = new ClusterState(noObjects);
  for (const name of names) state.setNode(aNode(name));
  return state;
}

export const podsOf = (prefix: string, count: number, cpu = '100m'): PodInfo[] =>
  Array.from({ length: count }, (_unused, at) => aPodInfo(`${prefix}${at}`, asks(cpu)));

export const bindTo = (pod: PodInfo, nodeName: string, scores: readonly number[] = []): Decision => ({
  outcome: 'bind',
  podUid: pod.uid,
  nodeName,
  scores: scores.map((total, at) => ({ nodeName: at === 0 ? nodeName : `${nodeName}-${at}`, total, scores: {} })),
  feasibleNodes: 1,
});

/** Always the same node. */
export const toNode = (nodeName: string): Scheduler => ({
  decide: (pods) => Promise.resolve(pods.map((pod) => bindTo(pod, nodeName))),
});

/** One batch: asked, told to the run, acted on. */
export async function liveBatch(
  env: Pick<Env, 'clock'>,
  { state, live, run }: { state: ClusterState; live: Scheduler; run: ShadowRun },
  pods: readonly PodInfo[],
): Promise<readonly Decision[]> {
  const snapshot: SchedulerSnapshot = state;
  const observation = run.deciding(pods, snapshot);
  const startedMs = env.clock.monotonic();
  const decisions = await live.decide(pods, snapshot);
  run.decided(observation, decisions, env.clock.monotonic() - startedMs);
  for (const [at, pod] of pods.entries()) {
    const decision = decisions[at];
    if (decision?.outcome === 'bind') state.place(pod, decision.nodeName);
  }
  return decisions;
}
