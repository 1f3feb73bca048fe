import { describe, expect, it } from '@jest/globals';
import type { ServicePortRule } from '@timonel/sdk/contracts/proxy';
import { contentOf } from './table-content.ts';

function ruleOf(more: Partial<ServicePortRule>): ServicePortRule {
  const none = { externalIPs: [], nodePort: undefined, affinitySeconds: undefined, backends: [] };
  return { id: 'default/web:80', protocol: 'TCP', port: 80, clusterIPs: ['10.96.0.1', 'fd00:96::1'], ...none, ...more };
}

describe('services of both families', () => {
  it('have their addresses and backends of one family in its table', () => {
    const backends = ['10.1.0.2', 'fd00:1::2'].map((address) => ({ address, port: 8080, nodeName: undefined }));
    const rule = ruleOf({ backends, nodePort: 30_080 });
    for (const [family, address, backend] of [
      [4, '10.96.0.1', '10.1.0.2'],
      [6, 'fd00:96::1', 'fd00:1::2'],
    ] as const) {
      const { elements } = contentOf([rule], family);
      expect([...elements.services.keys()]).toEqual([`${address} . tcp . 80`]);
      expect([...elements.endpoints.values(), ...elements.nodeport_endpoints.values()]).toEqual([
        `${backend} . 8080`,
        `${backend} . 8080`,
      ]);
    }
  });

  it('do not take from the machine what is its own in IPv6', () => {
    const externalIPs = ['::1', '::', 'fe80::1', 'ff02::1', '2001:db8::1'];
    const { elements } = contentOf([ruleOf({ externalIPs })], 6);
    expect([...elements.services.keys()]).toEqual(['fd00:96::1 . tcp . 80', '2001:db8::1 . tcp . 80']);
  });
});
