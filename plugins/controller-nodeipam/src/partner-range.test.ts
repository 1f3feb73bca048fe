import { describe, expect, it } from '@jest/globals';
import { parseIpRange, type IpRange } from '@timonel/sdk/contracts/network';
import { configSchema } from './config.ts';
import { partnerRange } from './partner-range.ts';

const cluster = parseIpRange('10.244.0.0/16') as IpRange;

describe('ranges of IPv6', () => {
  it('go with those of IPv4: each has another one, and none lies outside', () => {
    const partner = (cidr: string, cluster6 = 'fd00:10::/48'): string | undefined =>
      partnerRange(cidr, cluster, { cluster6, maskBits6: 64 });
    expect(['10.244.0.0/24', '10.244.1.0/24', '10.244.255.0/24'].map((cidr) => partner(cidr))).toEqual([
      'fd00:10::/64',
      'fd00:10:0:1::/64',
      'fd00:10:0:ff::/64',
    ]);
    expect(partner('10.244.2.0/24', 'fd00:10::/63')).toBeUndefined();
    expect(partner('10.243.0.0/24')).toBeUndefined();
    expect(partner('x')).toBeUndefined();
  });

  it('are refused where there are not as many, or not as many addresses in each', () => {
    const problem = (config: object): string | undefined => configSchema.safeParse(config).error?.issues[0]?.message;
    expect(problem({ clusterCidr: '10.244.0.0/16,fd00:10::/48' })).toBeUndefined();
    expect(problem({ clusterCidr: '10.244.0.0/16,fd00:10::/60' })).toMatch(/^makes fewer ranges of IPv6/);
    expect(problem({ clusterCidr: '10.244.0.0/16,fd00:10::/108', nodeMaskBits: 20, nodeMaskBits6: 121 })).toMatch(
      /^leaves a node fewer addresses of IPv6/,
    );
  });

  it('stand alone where they are all that there is', () => {
    const problem = (config: object): string | undefined => configSchema.safeParse(config).error?.issues[0]?.message;
    expect(problem({ clusterCidr: 'fd00:10::/56' })).toBeUndefined();
    expect(problem({ clusterCidr: 'fd00:10::/72' })).toMatch(/^is shorter than the prefix of clusterCidr/);
    expect(problem({ clusterCidr: 'fd00:10::/40' })).toMatch(/^makes more than 65536 ranges/);
    expect(problem({ clusterCidr: 'fd00:10::/12' })).toMatch(/^is not a range such as/);
    expect(problem({ clusterCidr: 'fd00:10::/56,fd00:11::/56' })).toMatch(/^is not a range such as/);
  });
});
