import { describe, expect, it } from '@jest/globals';
import { local } from './availability.ts';
import { inOrder, type Known } from './order.ts';

const offer = { resources: [], openApiHash: undefined };

function registration(name: string, groupPriorityMinimum: number, versionPriority: number, isThere = true): Known {
  const [version = '', ...rest] = name.split('.');
  const spec = { group: rest.join('.'), version, groupPriorityMinimum, versionPriority };
  return { service: { metadata: { name }, spec }, finding: isThere ? { verdict: local, offer } : undefined };
}

describe('the order of what others serve', () => {
  it('is that of the priorities of groups, then of versions, then of names; without those that are away', () => {
    const versions = inOrder([
      registration('v1.low.example.com', 100, 15),
      registration('v1.high.example.com', 100, 10),
      registration('v2.high.example.com', 1000, 20),
      registration('v1beta1.high.example.com', 100, 10),
      registration('v1.away.example.com', 5000, 20, false),
      registration('v1.also-low.example.com', 100, 15),
    ]);
    expect(versions.map(({ group, version }) => `${version}.${group}`)).toEqual([
      'v2.high.example.com',
      'v1.high.example.com',
      'v1beta1.high.example.com',
      'v1.also-low.example.com',
      'v1.low.example.com',
    ]);
  });
});
