import { describe, expect, it } from '@jest/globals';
import type { Pod } from '@timonel/sdk/kube';
import { networkRequest } from './network-request.ts';

const pod = (spec: Partial<Pod['spec']>, annotations: Record<string, string> = {}): Pod => ({
  metadata: { name: 'p', namespace: 'n', uid: 'u', annotations },
  spec: { containers: [], ...spec },
});
const place = { sandboxId: 's', podUid: 'u', podNamespace: 'n', podName: 'p', networkNamespace: '/run/netns/x' };
const ask = (of: Pod): unknown => networkRequest(of, 's', '/run/netns/x');

describe('networkRequest', () => {
  it('asks for an address alone where nothing else is said', () => {
    expect(ask(pod({ containers: [{ name: 'c', image: 'i', ports: [{ containerPort: 80 }] }] }))).toEqual(place);
  });

  it('has the host ports of containers and of sidecars, not of other init containers', () => {
    const container = (name: string, hostPort: number, more = {}): Pod['spec']['containers'][number] => ({
      name,
      image: 'i',
      ports: [{ containerPort: 80, hostPort, ...more }],
    });
    const initContainers = [container('init', 1), { ...container('side', 2), restartPolicy: 'Always' as const }];
    const containers = [container('c', 3, { protocol: 'UDP', hostIP: '127.0.0.1' })];
    expect(ask(pod({ initContainers, containers }))).toEqual({
      ...place,
      hostPorts: [
        { protocol: 'TCP', hostIP: '', hostPort: 2, containerPort: 80 },
        { protocol: 'UDP', hostIP: '127.0.0.1', hostPort: 3, containerPort: 80 },
      ],
    });
  });

  it('has the limits of the annotations, and refuses what is none', () => {
    const limited = { 'kubernetes.io/ingress-bandwidth': '10M', 'kubernetes.io/egress-bandwidth': '1k' };
    expect(ask(pod({}, limited))).toEqual({ ...place, bandwidth: { ingress: 10_000_000, egress: 1000 } });
    for (const text of ['fast', '', '999', '1001P', '-10M', '10Mbit']) {
      expect(() => ask(pod({}, { 'kubernetes.io/egress-bandwidth': text }))).toThrow(
        /^the annotation kubernetes\.io\/egress-bandwidth is ".*", not a number of bits per second from 1k to 1P$/,
      );
    }
  });
});
