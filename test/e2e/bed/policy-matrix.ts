/** Network policies on a cluster of two nodes: each combination of peers and ports, with real packets, against the model. */
import { decisions, policyPod, type End, type Packet, type PolicyPod } from '@timonel/sdk/contracts/network-policy';
import type { NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort, Pod } from '@timonel/sdk/kube';
import { until } from '../../support/until.ts';
import { callee, callScript, type Call } from './callers.ts';

export interface PolicyMatrixOptions {
  /** kubectl; answers what it printed. */
  readonly ask: (...args: string[]) => Promise<string>;
  readonly apply: (items: readonly object[]) => Promise<unknown>;
}

const ports: readonly (readonly NetworkPolicyPort[])[] = [
  [],
  [{ port: 8080 }],
  [{ port: 'http' }],
  [{ port: 8080, endPort: 8090 }],
  [{ protocol: 'UDP', port: 8053 }, { port: 8081 }],
];
const servers = ports.map((_, index) => `server-${index}`);
const clients = ['near', 'far'];
const answerMs = 700;

/** Ends of packets, on both nodes. */
export const matrixPods: readonly object[] = [
  ...servers.map((name, index) => callee(name, index % 2 === 0 ? 'n1' : 'n2', { app: name, role: 'server' })),
  callee('near', 'n1', { app: 'near', role: 'client' }),
  callee('far', 'n2', { app: 'far', role: 'client' }),
];

/** `far`: the addresses of that pod. */
function peersOf(far: readonly string[]): readonly (readonly NetworkPolicyPeer[])[] {
  const blocks = far.map((address): NetworkPolicyPeer => {
    const [all, bits] = address.includes(':') ? ['::/0', 128] : ['0.0.0.0/0', 32];
    return { ipBlock: { cidr: all, except: [`${address}/${bits}`] } };
  });
  return [
    [],
    [{ podSelector: { matchLabels: { app: 'far' } } }],
    [{ podSelector: { matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['far'] }] } }],
    [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'default' } } }],
    blocks,
  ];
}

function policy(name: string, spec: NetworkPolicy['spec']): NetworkPolicy {
  return { metadata: { name, namespace: 'default' }, spec };
}

/** One for each server, which let these peers in, by other ports each; one that lets `near` out by the ports of this turn. */
function policiesOf(peers: readonly NetworkPolicyPeer[], turn: number): readonly NetworkPolicy[] {
  const inward = servers.map((app, index) => {
    const rule = { from: [...peers], ports: [...(ports[index] ?? [])] };
    return policy(app, { podSelector: { matchLabels: { app } }, policyTypes: ['Ingress'], ingress: [rule] });
  });
  const few = { podSelector: { matchExpressions: [{ key: 'app', operator: 'In', values: servers.slice(turn % 3) }] } };
  const egress = [{ to: [few], ports: [...(ports[turn] ?? [])] }];
  return [
    ...inward,
    policy('near', { podSelector: { matchLabels: { app: 'near' } }, policyTypes: ['Egress'], egress }),
  ];
}

function packetsFrom(client: PolicyPod, pods: readonly PolicyPod[]): readonly Packet[] {
  const targets = pods.filter(({ labels }) => labels['role'] === 'server');
  const packets = targets.flatMap((pod) =>
    pod.addresses.flatMap((address, family) => {
      const [from, to]: [End, End] = [
        { address: client.addresses[family] ?? '', pod: client },
        { address, pod },
      ];
      const tcp = [8080, 8081].map((port) => ({ from, to, protocol: 'TCP' as const, port }));
      return [...tcp, { from, to, protocol: 'UDP' as const, port: 8053 }];
    }),
  );
  return packets;
}

/** Applies all combinations, one after the other, and answers for each how many packets passed. @throws Error where one differs from the model */
export async function checkPolicyMatrix({ ask, apply }: PolicyMatrixOptions): Promise<readonly string[]> {
  const { items } = JSON.parse(await ask('get', 'pods', '-o', 'json')) as { items: readonly Pod[] };
  const pods = items.flatMap((pod) => policyPod(pod) ?? []);
  const far = pods.find(({ labels }) => labels['app'] === 'far')?.addresses ?? [];
  const namespaces = new Map([['default', { 'kubernetes.io/metadata.name': 'default' }]]);
  const passed: string[] = [];
  for (const [turn, peers] of peersOf(far).entries()) {
    const policies = policiesOf(peers, turn);
    const kind = { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy' };
    await apply(policies.map((each) => ({ ...kind, ...each })));
    let counts: number[] = [];
    let wrong: string[] = [];
    const holds = async (): Promise<boolean> => {
      const found = await Promise.all(
        clients.map((name) => differences(ask, name, pods, { namespaces, pods, policies })),
      );
      wrong = found.flatMap((each) => each.wrong);
      counts = found.map((each) => each.passed);
      return wrong.length === 0;
    };
    await until(holds, { what: () => `the policies of turn ${turn} to hold: ${wrong.join('; ')}`, timeoutMs: 15_000 });
    passed.push(counts.join());
  }
  return passed;
}

async function differences(
  ask: PolicyMatrixOptions['ask'],
  name: string,
  pods: readonly PolicyPod[],
  cluster: Parameters<typeof decisions>[1],
): Promise<{ readonly wrong: string[]; readonly passed: number }> {
  const client = pods.find(({ labels }) => labels['app'] === name);
  const packets = client === undefined ? [] : packetsFrom(client, pods);
  const calls = packets.map(({ to, protocol, port }): Call => ({
    address: to.address,
    port,
    protocol: protocol === 'UDP' ? 'UDP' : 'TCP',
  }));
  const text = await ask('exec', name, '--', 'node', '-e', callScript, JSON.stringify(calls), `${answerMs}`);
  const answers = JSON.parse(text) as readonly (readonly string[])[];
  const hasPassed = answers.map(([first = 'nobody']) => first !== 'nobody');
  const wrong = packets.flatMap((packet, index) => {
    const expected = decisions(packet, cluster).every(({ allowed }) => allowed);
    const shown = `${name} to ${packet.to.pod?.key} at ${packet.to.address} ${packet.protocol} ${packet.port}`;
    return hasPassed[index] === expected ? [] : [`${shown}: expected ${expected}`];
  });
  return { wrong, passed: hasPassed.filter(Boolean).length };
}
