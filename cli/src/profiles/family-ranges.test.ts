import { describe, expect, it } from '@jest/globals';
import { checkFamilyRanges, familyRanges, withoutIpv6 } from './family-ranges.ts';

describe('the ranges of a cluster', () => {
  it('are one of IPv4, or one of each family', () => {
    expect(familyRanges('--pod-cidr', 'fd00::/64,10.244.0.0/24')).toEqual({ ipv4: '10.244.0.0/24', ipv6: 'fd00::/64' });
    for (const text of ['x', 'fd00::/64', '10.1.0.0/24,10.2.0.0/24']) {
      expect(() => familyRanges('--pod-cidr', text)).toThrow(/^--pod-cidr .* is not an IPv4 network, nor one of IPv4/);
    }
  });

  it('are of the same families for pods and services, and have no address in common', () => {
    checkFamilyRanges('10.244.0.0/24', '10.96.0.0/16');
    checkFamilyRanges('10.244.0.0/24,fd00:1::/64', '10.96.0.0/16,fd00:2::/112');
    expect(() => checkFamilyRanges('10.244.0.0/24,fd00:1::/64', '10.96.0.0/16')).toThrow(
      '--pod-cidr has a range of IPv6 and --service-cidr has none: give both one, or neither.',
    );
    expect(() => checkFamilyRanges('10.96.3.0/24', '10.96.0.0/16')).toThrow(
      '--pod-cidr 10.96.3.0/24 and --service-cidr 10.96.0.0/16 overlap: choose others.',
    );
    expect(() => checkFamilyRanges('10.244.0.0/24,fd00:2::/64', '10.96.0.0/16,fd00:2::/112')).toThrow(/overlap/);
  });

  it('are of IPv4 alone where nft is not', () => {
    expect(withoutIpv6(familyRanges('--pod-cidr', '10.244.0.0/24'))).toEqual(['10.244.0.0/24']);
    expect(() => withoutIpv6(familyRanges('--pod-cidr', '10.244.0.0/24,fd00:1::/64'))).toThrow(
      /apt-get install nftables/,
    );
  });
});
