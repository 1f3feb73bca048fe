import { describe, expect, it } from '@jest/globals';
import type { Backend, ServicePortRule } from '@timonel/sdk/contracts/proxy';
import { changedFrontends, frontendsOf, parseFlow } from './udp-flows.ts';

const backend = (address: string): Backend => ({ address, port: 53, nodeName: undefined });

function rule(backends: readonly Backend[], more: Partial<ServicePortRule> = {}): ServicePortRule {
  return {
    id: 'default/dns:53',
    protocol: 'UDP',
    port: 53,
    clusterIPs: ['10.96.0.10'],
    externalIPs: [],
    nodePort: undefined,
    affinitySeconds: undefined,
    backends,
    ...more,
  };
}

const [a, b] = [backend('10.0.0.1'), backend('10.0.0.2')];

describe('frontends of UDP services', () => {
  it('have the backends of all clients that may use them', () => {
    const more = { externalIPs: ['192.0.2.1'], nodePort: 30_053, outsideBackends: [b] };
    const shown = [...frontendsOf([rule([a], more)])].map(([key, backends]) => `${key} ${[...backends].join()}`);
    expect(shown).toEqual([
      '10.96.0.10:53 10.0.0.1:53',
      '192.0.2.1:53 10.0.0.1:53,10.0.0.2:53',
      ':30053 10.0.0.1:53,10.0.0.2:53',
    ]);
  });

  it('name IPv6 addresses as the kernel does', () => {
    const both = rule([backend('FD00:0::7')], { clusterIPs: ['10.96.0.10', 'fd96:0:0::a'] });
    const shown = [...frontendsOf([both])].map(([key, backends]) => `${key} ${[...backends].join()}`);
    expect(shown).toEqual(['10.96.0.10:53 fd00::7:53', 'fd96::a:53 fd00::7:53']);
  });

  it.each<[string, Backend[] | undefined, Backend[] | undefined, boolean]>([
    ['it is new', undefined, [a], true],
    ['it is gone', [a], undefined, true],
    ['it has its first backend', [], [a], true],
    ['a backend is gone', [a, b], [b], true],
    ['a backend is new', [a], [a, b], false],
    ['nothing changed', [a], [a], false],
  ])('may have flows that lead elsewhere when %s: %#', (_, before, after, expected) => {
    const of = (backends: Backend[] | undefined): ReturnType<typeof frontendsOf> =>
      frontendsOf(backends === undefined ? [] : [rule(backends)]);
    expect(changedFrontends(of(before), of(after)).length > 0).toBe(expected);
  });
});

describe('lines of conntrack', () => {
  it.each([
    'udp      17 29 src=10.9.0.2 dst=10.96.0.10 sport=44919 dport=53 [UNREPLIED] src=10.0.0.1 dst=10.9.0.2 sport=5353 dport=44919 mark=0 use=1',
    'udp      17 99 src=10.9.0.2 dst=10.96.0.10 sport=44919 dport=53 packets=2 bytes=60 src=10.0.0.1 dst=10.9.0.2 sport=5353 dport=44919 packets=1 bytes=30 [ASSURED] mark=0 use=1',
  ])('tell where packets go and who answers: %#', (line) => {
    expect(parseFlow(line)).toEqual({
      address: '10.96.0.10',
      port: '53',
      replyAddress: '10.0.0.1',
      replyPort: '5353',
    });
  });

  it.each(['', 'conntrack v1.4.7 (conntrack-tools): 1 flow entries have been shown.', 'udp 17 29 src=10.9.0.2'])(
    'are passed over when they tell nothing: %#',
    (line) => expect(parseFlow(line)).toBeUndefined(),
  );
});
