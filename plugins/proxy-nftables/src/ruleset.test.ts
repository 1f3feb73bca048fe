import { expect, it } from '@jest/globals';
import type { ServicePortRule } from '@timonel/sdk/contracts/proxy';
import { renderTable } from './ruleset.ts';
import { contentOf } from './table-content.ts';

it('external addresses that each machine has for itself are not taken from it', () => {
  const own = ['127.0.0.1', '0.0.0.0', '169.254.169.254', '224.0.0.1', '255.255.255.255'];
  const rule: ServicePortRule = {
    id: 'default/web:80',
    protocol: 'TCP',
    port: 80,
    clusterIPs: ['10.96.0.1'],
    externalIPs: ['192.0.2.1', ...own],
    nodePort: undefined,
    affinitySeconds: undefined,
    backends: [],
  };
  const { text } = renderTable(contentOf([rule], 4), {
    family: 4,
    table: 'test',
    serviceCidr: '10.96.0.0/16',
    clusterCidrs: [],
  });
  expect(text).toContain('192.0.2.1 . tcp . 80 : goto refuse');
  for (const address of own) expect(text).not.toContain(`${address} . tcp`);
});

it('an address that is restricted asks for the ranges of its own family: none of it allow nobody, all of it anybody', () => {
  const restrictedTo = (...sources: string[]): unknown[] =>
    ([4, 6] as const).map((family) => {
      const addresses = ['192.0.2.1', '2001:db8::1'];
      const rule: ServicePortRule = {
        id: 'default/web:80',
        protocol: 'TCP',
        port: 80,
        clusterIPs: [],
        externalIPs: addresses,
        restricted: { addresses, sources },
        nodePort: undefined,
        affinitySeconds: undefined,
        backends: [],
      };
      const { chains, elements } = contentOf([rule], family);
      expect(elements.guarded.size).toBe(chains.size);
      return [...chains.values()][0];
    });
  expect(restrictedTo('10.0.0.0/8', 'fd00::/8')).toEqual([
    ['ip saddr { 10.0.0.0/8 } return', 'drop'],
    ['ip6 saddr { fd00::/8 } return', 'drop'],
  ]);
  expect(restrictedTo('0.0.0.0/0', 'fd00::/8')).toEqual([undefined, ['ip6 saddr { fd00::/8 } return', 'drop']]);
  expect(restrictedTo('10.0.0.0/8')).toEqual([['ip saddr { 10.0.0.0/8 } return', 'drop'], ['drop']]);
});
