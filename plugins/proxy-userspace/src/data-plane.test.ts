import { describe, expect, it } from '@jest/globals';
import type { ServicePortRule } from '@timonel/sdk/contracts/proxy';
import { wantedListeners } from './data-plane.ts';

const backends = [{ address: '10.244.0.1', port: 6443, nodeName: undefined }];
const rule: ServicePortRule = {
  id: 'default/kubernetes:https',
  protocol: 'TCP',
  port: 443,
  clusterIPs: ['10.96.0.1'],
  externalIPs: [],
  nodePort: undefined,
  affinitySeconds: undefined,
  backends,
};

describe('listeners', () => {
  const keysOf = (more: Partial<ServicePortRule>): string[] => [
    ...wantedListeners([{ ...rule, ...more }], () => true).keys(),
  ];

  it('of a family have the backends of that family, and are not there without', () => {
    const both = [...backends, { address: 'fd00::1', port: 6443, nodeName: undefined }];
    const of = { clusterIPs: ['10.96.0.1', 'fd96::1'], nodePort: 30_443 };
    const wanted = wantedListeners([{ ...rule, ...of, backends: both }], () => true);
    const shown = [...wanted].map(([key, each]) => `${key} ${each.backends.map(({ address }) => address).join()}`);
    expect(shown).toEqual([
      'TCP 10.96.0.1:443 10.244.0.1',
      'TCP fd96::1:443 fd00::1',
      'TCP 0.0.0.0:30443 10.244.0.1',
      'TCP :::30443 fd00::1',
    ]);
    expect(keysOf(of)).toEqual(['TCP 10.96.0.1:443', 'TCP 0.0.0.0:30443']);
  });

  it('are not at external addresses that each machine has for itself', () => {
    const externalIPs = ['127.0.0.1', '0.0.0.0', '::', '::1', 'fe80::1', '192.0.2.1'];
    expect(keysOf({ externalIPs })).toEqual(['TCP 10.96.0.1:443', 'TCP 192.0.2.1:443']);
  });
});

describe('a service for clients of the cluster only', () => {
  const outside = (one: ServicePortRule, knowsClients: boolean): unknown =>
    wantedListeners([one], () => knowsClients).get('TCP 10.96.0.1:443')?.outside;

  it('has no backends for others, where it is known who they are', () => {
    expect(outside({ ...rule, insideOnly: true }, true)).toEqual([]);
    expect(outside({ ...rule, insideOnly: true }, false)).toBeUndefined();
    expect(outside(rule, true)).toBeUndefined();
  });
});
