import { expect, it } from '@jest/globals';
import { parseServers, requireToken } from '../cluster/joining.ts';
import { parseTtl } from './token.ts';

it('reads times to live', () => {
  expect([parseTtl('30s'), parseTtl('10m'), parseTtl('24h'), parseTtl('30d')]).toEqual([
    30_000, 600_000, 86_400_000, 2_592_000_000,
  ]);
  for (const bad of ['', '10', '0h', '-1h', '1.5h', '31d', '1w', 'h']) expect(() => parseTtl(bad)).toThrow('--ttl');
});

it('reads servers', () => {
  expect(parseServers('--server', 'https://10.0.0.1:6443, https://m2.example')).toEqual([
    'https://10.0.0.1:6443',
    'https://m2.example:443',
  ]);
  for (const bad of ['', ',', '10.0.0.1:6443', 'http://a:1', 'https://a:1/x', 'https://u@a:1'])
    expect(() => parseServers('--server', bad)).toThrow('--server');
});

it('says what a token looks like', () => {
  expect(() => requireToken(undefined)).toThrow('timonel token create');
  expect(() => requireToken('tml1.abc')).toThrow('not whole');
});
