import { describe, expect, it } from '@jest/globals';
import { hostPattern } from '../routing/host-pattern.ts';
import { commonHosts, gatewayDurationMs } from './route-translation.ts';

const common = (listener: string, ...names: string[]): string[] =>
  commonHosts(hostPattern(listener, 'many-labels'), names).map(({ kind, name }) => `${kind} ${name}`);

describe('routes of the Gateway API', () => {
  it('have the hosts that are also those of their listener', () => {
    expect(common('', 'a.test')).toEqual(['exact a.test']);
    expect(common('a.test')).toEqual(['exact a.test']);
    expect(common('*.test', 'a.b.test', 'test', '*.b.test', 'a.other')).toEqual([
      'exact a.b.test',
      'many-labels b.test',
    ]);
    expect(common('a.b.test', '*.test', '*.a.b.test')).toEqual(['exact a.b.test']);
    expect(common('*.b.test', '*.test')).toEqual(['many-labels b.test']);
  });

  it('get no text into a configuration that is no host', () => {
    expect(common('', 'a.test g0\nb.test', 'a b', '"', '*', 'a.*.test', `${'a'.repeat(260)}.test`)).toEqual([]);
  });

  it('have timeouts of several units, and none of 0', () => {
    expect(['1h30m', '500ms', '1m1s', '0s', '5', '-1s'].map(gatewayDurationMs)).toEqual([
      5_400_000,
      500,
      61_000,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('have no longer timeouts than a day', () => {
    expect(['24h', '99999h', '99999h99999h99999h99999h'].map(gatewayDurationMs)).toEqual(Array(3).fill(86_400_000));
  });
});
