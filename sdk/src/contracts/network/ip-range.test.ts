import { describe, expect, it } from '@jest/globals';
import {
  familyRangeTexts,
  formatIp,
  formatIpRange,
  ipRangesOverlap,
  parseFamilyRanges,
  parseIp,
  parseIpRange,
} from './ip-range.ts';

const range = (text: string): NonNullable<ReturnType<typeof parseIpRange>> => {
  const parsed = parseIpRange(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
};

describe('addresses of both families', () => {
  it('are read and written in one way', () => {
    for (const [text, canonical] of [
      ['10.0.0.1', '10.0.0.1'],
      ['::', '::'],
      ['FD00:0:0::1', 'fd00::1'],
      ['fd00:0:0:1:0:0:0:1', 'fd00:0:0:1::1'],
      ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
      ['::ffff:1.2.3.4', '::ffff:102:304'],
    ] as const) {
      const address = parseIp(text);
      expect(address && formatIp(address)).toBe(canonical);
    }
    for (const text of ['', '10.0.0', '010.0.0.1', 'fe80::1%eth0', '[::1]', ':::', '1::2::3', 'x']) {
      expect(parseIp(text)).toBeUndefined();
    }
  });

  it('ranges have their host bits cleared, and meet only those of their family', () => {
    expect(formatIpRange(range('fd00:10:244:1::7/64'))).toBe('fd00:10:244:1::/64');
    expect(range('fd00::/126')).toMatchObject({ first: 0xfd00n << 112n, last: (0xfd00n << 112n) + 3n });
    expect(formatIpRange(range('10.1.2.3'))).toBe('10.1.2.3/32');
    for (const text of ['10.0.0.0/33', 'fd00::/129', 'fd00::/', 'fd00::/064', 'fd00::/6/4']) {
      expect(parseIpRange(text)).toBeUndefined();
    }
    expect(ipRangesOverlap(range('fd00::/16'), range('fd00:1::/64'))).toBe(true);
    expect(ipRangesOverlap(range('fd00::/64'), range('fd00:0:0:1::/64'))).toBe(false);
    expect(ipRangesOverlap(range('0.0.0.0/0'), range('::/0'))).toBe(false);
  });

  it('a text names one range, or one of each family', () => {
    expect(parseFamilyRanges('10.96.0.0/16')).toEqual({ ipv4: '10.96.0.0/16', ipv6: undefined });
    const both = { ipv4: '10.96.0.0/16', ipv6: 'fd00::/112' };
    expect(parseFamilyRanges('10.96.0.0/16, fd00::/112')).toEqual(both);
    expect(parseFamilyRanges('fd00::/112,10.96.0.0/16')).toEqual(both);
    expect(parseFamilyRanges('fd00::/112')).toEqual({ ipv4: undefined, ipv6: 'fd00::/112' });
    expect(familyRangeTexts(both)).toEqual(['10.96.0.0/16', 'fd00::/112']);
    expect(familyRangeTexts({ ...both, ipv4: undefined })).toEqual(['fd00::/112']);
    for (const text of [
      '',
      'fd00::/112,fd01::/112',
      '10.0.0.0/8,10.96.0.0/16',
      '10.0.0.0/8,',
      '10.0.0.0/8,fd00::/8,fe00::/8',
    ]) {
      expect(parseFamilyRanges(text)).toBeUndefined();
    }
  });
});
