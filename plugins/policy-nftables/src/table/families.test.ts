import { spawnSync } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';
import type { PolicyCluster, PolicyPod } from '@timonel/sdk/contracts/network-policy';
import type { NetworkPolicy } from '@timonel/sdk/kube';
import { policyContent } from './content.ts';
import { renderPolicies, renderPolicyChanges } from './render.ts';

const canUseNft = process.getuid?.() === 0 && spawnSync('nft', ['--version']).status === 0;
const pod = (name: string, ...addresses: string[]): PolicyPod => ({
  key: `n/${name}`,
  uid: name,
  namespace: 'n',
  labels: { app: name },
  addresses,
  nodeName: 'node',
  namedPorts: new Map([['TCP http', 8080]]),
});
const both = [pod('a', '10.0.0.1', 'fd00::1'), pod('b', '10.0.0.2', 'fd00::2')];
const peers = [
  { podSelector: { matchLabels: { app: 'b' } } },
  { ipBlock: { cidr: 'fd00:1::/32', except: ['fd00:1:2::/48'] } },
];
const policy: NetworkPolicy = {
  metadata: { namespace: 'n', name: 'p' },
  spec: {
    podSelector: { matchLabels: { app: 'a' } },
    policyTypes: ['Ingress', 'Egress'],
    ingress: [{ from: peers }],
    egress: [{ to: peers, ports: [{ port: 'http' }] }],
  },
};
const clusterOf = (pods: readonly PolicyPod[]): PolicyCluster => ({
  namespaces: new Map([['n', {}]]),
  pods,
  policies: [policy],
});

/** nft reads it, in a namespace of its own, from the first text to the last. */
function expectAccepted(...texts: readonly string[]): void {
  const script = texts.map((_, index) => `nft -f - <<'END${index}'\n${texts[index]}END${index}\n`).join('');
  expect(spawnSync('unshare', ['--net', 'sh', '-ec', `${script}nft list ruleset`], { encoding: 'utf8' })).toMatchObject(
    {
      stderr: '',
      status: 0,
    },
  );
}

describe('policies of pods with addresses of both families', () => {
  it('are in a table for each, with the addresses and ranges of that one', () => {
    const { ipv6, ...ipv4 } = policyContent(clusterOf(both), both);
    expect([...ipv4.own.keys()]).toEqual(['10.0.0.1 . 10.0.0.1']);
    expect([...(ipv6?.own.keys() ?? [])]).toEqual(['fd00::1 . fd00::1']);
    const elements = (content: typeof ipv6): string[] =>
      [...(content?.sets.values() ?? [])].flatMap((set) => [...set.elements.keys()]);
    expect(elements(ipv4)).toEqual(['10.0.0.2', '10.0.0.2 . tcp . 8080']);
    expect(elements(ipv6)).toEqual(['fd00::2', 'fd00::2 . tcp . 8080']);
    const ingress = (content: typeof ipv6): readonly string[] | undefined =>
      [...(content?.chains ?? [])].find(([name]) => name.startsWith('ingress'))?.[1];
    expect(ingress(ipv4)).toEqual([expect.stringMatching(/^ip saddr @pods_\w+ return$/), 'drop']);
    expect(ingress(ipv6)).toEqual([
      expect.stringMatching(/^ip6 saddr @pods_\w+ return$/),
      'ip6 saddr fd00:1::/32 ip6 saddr != fd00:1:2::/48 return',
      'drop',
    ]);
  });

  it('have no table for a family that no pod of the node has', () => {
    const pods = [pod('a', '10.0.0.1')];
    expect(policyContent(clusterOf(pods), pods).ipv6).toBeUndefined();
    expect(renderPolicies(policyContent(clusterOf(pods), pods), 't')).not.toContain('ip6');
  });

  (canUseNft ? it : it.skip)('become rules, change, and go as pods with IPv6 come and go (needs root and nft)', () => {
    const single = [pod('a', '10.0.0.1'), pod('b', '10.0.0.2')];
    const [none, some, more] = [single, both, [...both, pod('b', '10.0.0.3', 'fd00::3')]].map((pods) =>
      policyContent(clusterOf(pods), pods),
    );
    if (none === undefined || some === undefined || more === undefined) throw new Error('three were made');
    const steps = [none, some, more, none].slice(1).map((after, index) => {
      const before = [none, some, more][index] ?? none;
      return renderPolicyChanges(before, after, 't');
    });
    expectAccepted(renderPolicies(none, 't'), ...steps);
    expectAccepted(renderPolicies(more, 't'));
    expect(steps.at(-1)).toMatch(/delete table ip6 t\n$/);
    expect(renderPolicyChanges(some, some, 't')).toBe('');
  });
});
