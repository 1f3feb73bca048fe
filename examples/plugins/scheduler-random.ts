/** A whole scheduler without the framework: any node that has enough cpu left. */
import { definePlugin } from '@timonel/sdk';
import { scheduler, type Decision, type PodInfo, type Scheduler } from '@timonel/sdk/contracts/scheduler';
import { milliCpu, type Node } from '@timonel/sdk/kube';

const cpuOf = (node: Node | undefined): number => milliCpu(node?.status?.allocatable?.['cpu'] ?? '0') ?? 0;
const cpuFor = (pods: readonly PodInfo[]): number => pods.reduce((sum, pod) => sum + pod.class.request.milliCpu, 0);

function refusal(podUid: string, nodeCount: number): Decision {
  const reason = { plugin: 'Random', code: 'insufficient-cpu', reason: 'Insufficient cpu' };
  return { outcome: 'unschedulable', podUid, rejections: [{ ...reason, nodeCount, nodes: [], resolvable: true }] };
}

export default definePlugin({
  name: 'scheduler-random',
  version: '1.0.0',
  apiVersion: 1,
  description: 'any node with enough cpu',
  provides: { scheduler },
  setup({ env }) {
    const random: Scheduler = {
      decide(pods, { rows, nodeCount }) {
        const free = new Map(
          rows
            .filter(({ node }) => node !== undefined && node.spec?.unschedulable !== true)
            .map(({ name, node, pods, nominated }) => [name, cpuOf(node) - cpuFor(pods) - cpuFor(nominated)]),
        );
        const decisions = pods.map(({ uid, class: { request } }): Decision => {
          const fitting = [...free].filter(([, left]) => left >= request.milliCpu);
          const [nodeName, left] = fitting[env.random.int(Math.max(1, fitting.length))] ?? [];
          if (nodeName === undefined || left === undefined) return refusal(uid, nodeCount);
          // The next pod of the batch finds this one there.
          free.set(nodeName, left - request.milliCpu);
          return { outcome: 'bind', podUid: uid, nodeName, scores: [], feasibleNodes: fitting.length };
        });
        return Promise.resolve(decisions);
      },
    };
    return { provides: { scheduler: random } };
  },
});
