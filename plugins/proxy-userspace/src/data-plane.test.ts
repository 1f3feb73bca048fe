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

describe('a service for clients of the cluster only', () => {
  const outside = (one: ServicePortRule, knowsClients: boolean): unknown =>
    wantedListeners([one], knowsClients).get('TCP 10.96.0.1:443')?.outside;

  it('has no backends for others, where it is known who they are', () => {
    expect(outside({ ...rule, insideOnly: true }, true)).toEqual([]);
    expect(outside({ ...rule, insideOnly: true }, false)).toBeUndefined();
    expect(outside(rule, true)).toBeUndefined();
  });
});
