import { describe, expect, it } from '@jest/globals';
import type { ServicePortRule } from '@timonel/sdk/contracts/proxy';
import { FamilyTable } from './family-table.ts';
import { contentOf } from './table-content.ts';

const rule: ServicePortRule = {
  id: 'default/web:80',
  protocol: 'TCP',
  port: 80,
  clusterIPs: ['10.96.0.1'],
  externalIPs: [],
  nodePort: undefined,
  affinitySeconds: 60,
  backends: [{ address: '10.1.0.2', port: 8080, nodeName: undefined }],
};

describe('a table with clients that stay with their backends', () => {
  it('keeps them when the kernel could not be asked once; not after a text that keeps them was refused', async () => {
    const sets = [...contentOf([rule], 4).clientSets];
    let isAway = true;
    const table = new FamilyTable(
      { table: 'test', family: 4, serviceCidr: '10.96.0.0/16', clusterCidrs: [] },
      async () => {
        if (isAway) throw new Error('nft cannot be run');
        return { sets, maps: [], chains: [] };
      },
    );
    await expect(table.change([rule])).rejects.toThrow('nft cannot be run');
    isAway = false;
    const change = await table.change([rule]);
    expect(change.text).toMatch(/^flush table ip test\n/);
    // Nor when the text was not even tried, as when the table of the other family could not be read.
    expect((await table.change([rule])).text).toBe(change.text);
    change.refused();
    expect((await table.change([rule])).text).toMatch(/^table ip test\ndelete table ip test\n/);
  });
});
