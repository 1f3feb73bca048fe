import {
  skip,
  success,
  type Explained,
  type HostPort,
  type NodeBatch,
  type PodInfo,
  type Reason,
  type SchedulingPlugin,
} from '../../contracts/scheduler/index.ts';
import { portsCollide } from '../host-ports.ts';
import { nearestRow } from './nearest.ts';
import { PodFacts } from './row-facts.ts';
import { listed, oneOf } from './words.ts';

const taken: Reason = Object.freeze({
  code: 'host-port-taken',
  text: "node(s) didn't have free ports for the requested pod ports",
  resolvable: true,
});

const noPorts: readonly HostPort[] = [];

function collideAny(wanted: readonly HostPort[], used: readonly HostPort[]): boolean {
  for (let at = 0; at < used.length; at += 1) {
    for (let of = 0; of < wanted.length; of += 1) {
      if (portsCollide(used[at] as HostPort, wanted[of] as HostPort)) return true;
    }
  }
  return false;
}

function portsOf(pods: readonly PodInfo[]): readonly HostPort[] {
  let ports: HostPort[] | undefined;
  for (const {
    class: { hostPorts },
  } of pods) {
    if (hostPorts.length > 0) (ports ??= []).push(...hostPorts);
  }
  return ports ?? noPorts;
}

function explained({ class: { hostPorts } }: PodInfo, nodes: NodeBatch): Explained {
  const { view, count } = nodes;
  const holders = (row: number): PodInfo[] =>
    view.podsOf(row).filter((pod) => collideAny(hostPorts, pod.class.hostPorts));
  const row = nearestRow(nodes, (row) => holders(row).length);
  const pods = holders(row);
  const ports = hostPorts.filter((port) => pods.some((pod) => collideAny([port], pod.class.hostPorts)));
  const texts = [...new Set(ports.map(({ port, protocol }) => `${port}/${protocol}`))];
  const node = view.names[row] ?? '';
  return {
    detail: { ports, node, pods: pods.slice(0, 3).map(({ namespace, name }) => `${namespace}/${name}`) },
    unblock: `free host port ${listed(texts)} on ${oneOf(count, node)}`,
  };
}

/** Two pods of a node cannot have the same host port. */
export function nodePorts(): SchedulingPlugin {
  const used = new PodFacts(portsOf);
  return {
    name: 'NodePorts',
    requeueHints: [
      { event: 'node-added' },
      {
        event: 'pod-removed',
        helps: (pod, event) =>
          event.kind === 'pod-removed' && collideAny(pod.class.hostPorts, event.pod.class.hostPorts),
      },
    ],
    preFilter: ({ class: { hostPorts } }) => ({ status: hostPorts.length === 0 ? skip : success }),
    filter: ({ class: { hostPorts } }, nodes, verdicts) => {
      const { rows, count } = nodes;
      const ofRow = used.of(nodes);
      for (let at = 0; at < count; at += 1) {
        const row = rows[at] as number;
        const ports = ofRow[row] as readonly HostPort[];
        if (ports !== noPorts && collideAny(hostPorts, ports)) verdicts.reject(row, taken);
      }
    },
    explain: explained,
  };
}
