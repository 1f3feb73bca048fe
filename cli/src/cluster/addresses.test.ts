import { describe, expect, it } from '@jest/globals';
import { defaultInterface, firstAddresses, formatPlace, parsePlace } from './addresses.ts';

const otherwise = { address: '0.0.0.0', port: 6443 };

describe('a place', () => {
  it('is an address and a port, or a port alone', () => {
    expect(parsePlace('--listen', '10.0.0.1:7443', otherwise)).toEqual({ address: '10.0.0.1', port: 7443 });
    expect(parsePlace('--listen', '[fd00::1]:7443', otherwise)).toEqual({ address: 'fd00::1', port: 7443 });
    expect(parsePlace('--listen', '7443', otherwise)).toEqual({ address: '0.0.0.0', port: 7443 });
    expect(parsePlace('--listen', ':7443', otherwise)).toEqual({ address: '0.0.0.0', port: 7443 });
    expect(formatPlace({ address: 'fd00::1', port: 1 })).toBe('[fd00::1]:1');
    for (const bad of ['here', '10.0.0.1', '10.0.0.1:70000', 'fd00::1:7443:x', '']) {
      expect(() => parsePlace('--peer-listen', bad, otherwise)).toThrow('--peer-listen');
    }
  });
});

describe('defaultInterface', () => {
  const head = 'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT';
  it('is that of the default route with the lowest metric', () => {
    const routes = [
      head,
      'eth1\t00000000\t0100000A\t0003\t0\t0\t200\t00000000\t0\t0\t0',
      'eth0\t00000000\t0100000A\t0003\t0\t0\t100\t00000000\t0\t0\t0',
      'eth2\t0000000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0',
    ].join('\n');
    expect(defaultInterface(routes)).toBe('eth0');
    expect(defaultInterface(head)).toBeUndefined();
    expect(defaultInterface('')).toBeUndefined();
  });
});

describe('firstAddresses', () => {
  it('are those of each range', () => {
    expect(firstAddresses('10.96.0.0/16')).toEqual(['10.96.0.1']);
    expect(firstAddresses('10.244.0.0/24, fd00:10:244::/64')).toEqual(['10.244.0.1', 'fd00:10:244::1']);
    expect(firstAddresses('none')).toEqual([]);
  });
});
