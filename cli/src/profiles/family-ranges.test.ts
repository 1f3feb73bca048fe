import { describe, expect, it } from '@jest/globals';
import { checkFamilyRanges, checkNodeAddress, clusterRange, familyRanges, nodeRange } from './family-ranges.ts';

describe('the ranges of a cluster', () => {
  it('are one of a family, or one of each', () => {
    expect(familyRanges('--pod-cidr', 'fd00::/64')).toEqual({ ipv4: undefined, ipv6: 'fd00::/64' });
    expect(familyRanges('--pod-cidr', 'fd00::/64,10.244.0.0/24')).toEqual({ ipv4: '10.244.0.0/24', ipv6: 'fd00::/64' });
    for (const text of ['x', '10.1.0.0/24,10.2.0.0/24', 'fd00::/64,fd01::/64', 'fd00::/64,10.1.0.0/24,10.2.0.0/24']) {
      expect(() => familyRanges('--pod-cidr', text)).toThrow(
        /^--pod-cidr .* is not a network such as .*, nor one of each/,
      );
    }
  });

  it('are of the same families for pods and services, and have no address in common', () => {
    checkFamilyRanges('10.244.0.0/24', '10.96.0.0/16');
    checkFamilyRanges('10.244.0.0/24,fd00:1::/64', '10.96.0.0/16,fd00:2::/112');
    expect(() => checkFamilyRanges('10.244.0.0/24,fd00:1::/64', '10.96.0.0/16')).toThrow(
      '--pod-cidr has a range of IPv6 and --service-cidr has none: give both one, or neither.',
    );
    checkFamilyRanges('fd00:1::/56', 'fd00:2::/108');
    expect(() => checkFamilyRanges('fd00:1::/56', '10.96.0.0/16')).toThrow(
      '--service-cidr has a range of IPv4 and --pod-cidr has none: give both one, or neither.',
    );
    expect(() => checkFamilyRanges('10.96.3.0/24', '10.96.0.0/16')).toThrow(
      '--pod-cidr 10.96.3.0/24 and --service-cidr 10.96.0.0/16 overlap: choose others.',
    );
    expect(() => checkFamilyRanges('10.244.0.0/24,fd00:2::/64', '10.96.0.0/16,fd00:2::/112')).toThrow(/overlap/);
  });

  it('of IPv6 alone need nodes with addresses of IPv6', () => {
    for (const [cluster, address] of [
      ['fd00:1::/56', 'fd99::1'],
      ['fd00:1::/56', ''],
      ['10.244.0.0/16,fd00:1::/56', '10.0.0.1'],
      ['10.244.0.0/16', '10.0.0.1'],
    ] as const) {
      checkNodeAddress(cluster, address);
    }
    expect(() => checkNodeAddress('fd00:1::/56', '10.0.0.1')).toThrow(/10\.0\.0\.1 is none: give --node-address/);
  });

  it('are as large as what takes them needs and bears', () => {
    const problem =
      (pods: string, services: string, kind = nodeRange) =>
      (): void =>
        checkFamilyRanges(pods, services, kind);
    expect(problem('fd00:1::/126', 'fd00:2::/112')).toThrow(
      '--pod-cidr fd00:1::/126 must have a prefix between /16 and /125',
    );
    expect(problem('fd00:1::/64', 'fd00:2::/64')).toThrow('--service-cidr fd00:2::/64 must have a prefix between /108');
    expect(problem('10.244.0.0/30', '10.96.0.0/16')).toThrow(/^--pod-cidr .* between \/8 and \/29/);
    expect(problem('fd00:1::/125', 'fd00:2::/112', clusterRange)).toThrow(/^--cluster-cidr .* between \/16 and \/124/);
    expect(problem('10.244.0.0/25', '10.96.0.0/16', clusterRange)).toThrow(/^--cluster-cidr .* between \/8 and \/24/);
  });
});
