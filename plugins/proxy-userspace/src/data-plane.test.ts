import { createServer, type AddressInfo } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { createSimulatedEnv } from '@timonel/core';
import type { Logger } from '@timonel/sdk';
import type { ServicePortRule } from '@timonel/sdk/contracts/proxy';
import { partlyServed } from '@timonel/sdk/controller';
import { UserspaceDataPlane, wantedListeners } from './data-plane.ts';

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

describe('a data plane that cannot have all addresses', () => {
  it('says whether it serves some', async () => {
    const [taken, free] = ['127.214.0.8', '127.214.0.9'];
    const other = createServer();
    const port = await new Promise<number>((resolve) => {
      other.listen(0, taken, () => resolve((other.address() as AddressInfo).port));
    });
    const dataPlane = new UserspaceDataPlane({
      env: createSimulatedEnv({ seed: 1 }),
      log: { debug: () => undefined } as unknown as Logger,
      link: undefined,
      clusterCidrs: [],
    });
    try {
      const failed = dataPlane.apply([{ ...rule, port, clusterIPs: [taken] }]).catch((error: unknown) => error);
      expect(await failed).toMatchObject({ message: expect.stringContaining('EADDRINUSE') });
      expect(await failed).not.toHaveProperty('code');
      const partly = dataPlane.apply([{ ...rule, port, clusterIPs: [taken, free] }]);
      await expect(partly).rejects.toMatchObject({ code: partlyServed });
    } finally {
      await dataPlane.close();
      await new Promise((resolve) => {
        other.close(resolve);
      });
    }
  });
});
