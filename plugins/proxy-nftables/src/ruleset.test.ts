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
