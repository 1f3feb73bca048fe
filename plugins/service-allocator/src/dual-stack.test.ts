import { describe, expect, it } from '@jest/globals';
import { createSimulatedEnv } from '@timonel/core';
import type { Service } from '@timonel/sdk/kube';
import { Allocation, type Pick } from './allocation.ts';
import { addressRanges } from './ranges.ts';

type Spec = Partial<Service['spec']>;

function service(spec: Spec): Service {
  const ports = [{ port: 80, protocol: 'TCP' }];
  return { metadata: { name: 'x', namespace: 'default' }, spec: { type: 'ClusterIP', ports, ...spec } };
}

function allocation(cidrs = '10.0.0.0/29,fd00::/125'): Allocation {
  const ranges = addressRanges(cidrs);
  if (ranges === undefined) throw new Error(cidrs);
  return new Allocation(createSimulatedEnv({ seed: 1 }), ranges, { first: 30_000, last: 30_001 });
}

interface Filled {
  readonly clusterIPs: string[] | undefined;
  readonly picks: readonly Pick[];
}

/** What a service of this spec comes to be. */
function filled(pool: Allocation, spec: Spec, old?: Spec): Filled {
  const one = service(spec);
  const picks = pool.fill(one, old === undefined ? undefined : service(old));
  const { clusterIP, clusterIPs, ipFamilies, ipFamilyPolicy } = one.spec;
  const made = { clusterIP, clusterIPs, ipFamilies, ipFamilyPolicy, picks };
  return made;
}

const problemsOf = (pool: Allocation, spec: Spec): string[] => {
  const one = service(spec);
  pool.fill(one, undefined);
  return pool.problems(one, 'default/x').map(({ field, message }) => `${field}: ${message}`);
};
const v4 = expect.stringMatching(/^10\.0\.0\.\d$/);
const v6 = expect.stringMatching(/^fd00::\d$/);

describe('ranges of two families', () => {
  it('are IPv4 first, and no larger than they can be looked through', () => {
    expect(addressRanges('fd00::/108, 10.96.0.0/16')?.map(({ cidr, first }) => [cidr, first])).toEqual([
      ['10.96.0.0/16', '10.96.0.1'],
      ['fd00::/108', 'fd00::1'],
    ]);
    const [, range] = addressRanges('10.96.0.0/16,fd00:0::/112') ?? [];
    expect([range?.at(0), range?.at(65_532), range?.size]).toEqual(['fd00::2', 'fd00::fffe', 65_533]);
    expect(['fd00::1', 'fd00:0:0:0::ffff', 'fd00::1:0', '10.96.0.1'].map((text) => range?.includes(text))).toEqual([
      true,
      false,
      false,
      false,
    ]);
    expect(addressRanges('fd00::/112')).toMatchObject([{ first: 'fd00::1' }]);
    for (const bad of [
      'fd00::/107',
      'fd00::/112,fd01::/112',
      '10.96.0.0/16,fd00::/107',
      '10.96.0.0/16,fd00::/126',
      '10.96.0.0/16,x',
    ]) {
      expect(addressRanges(bad)).toBeUndefined();
    }
  });
});

describe('services of two families', () => {
  it('have the first family, unless they say otherwise', () => {
    expect(filled(allocation(), {})).toMatchObject({
      clusterIPs: [v4],
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
    });
    const six = filled(allocation(), { ipFamilies: ['IPv6'] });
    expect(six).toMatchObject({ clusterIP: v6, clusterIPs: [v6], ipFamilyPolicy: 'SingleStack' });
  });

  it('have both where their policy wants both, in the order of their families', () => {
    for (const ipFamilyPolicy of ['PreferDualStack', 'RequireDualStack']) {
      const made = filled(allocation(), { ipFamilyPolicy });
      expect(made).toMatchObject({ clusterIP: v4, clusterIPs: [v4, v6], ipFamilies: ['IPv4', 'IPv6'] });
      expect(made.picks.map(({ name }) => name)).toEqual(made.clusterIPs?.map((address) => `addresses/${address}`));
    }
    const reversed = filled(allocation(), { ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv6'] });
    expect(reversed).toMatchObject({ clusterIP: v6, clusterIPs: [v6, v4], ipFamilies: ['IPv6', 'IPv4'] });
    const inferred = filled(allocation(), { ipFamilies: ['IPv4', 'IPv6'] });
    expect(inferred).toMatchObject({ clusterIPs: [v4, v6], ipFamilyPolicy: 'RequireDualStack' });
    const half = filled(allocation(), {
      clusterIP: 'fd00::5',
      clusterIPs: ['fd00::5'],
      ipFamilyPolicy: 'PreferDualStack',
    });
    expect(half).toMatchObject({ clusterIPs: ['fd00::5', v4], ipFamilies: ['IPv6', 'IPv4'] });
    expect(
      filled(allocation(), { clusterIP: 'None', ipFamilyPolicy: 'PreferDualStack', ipFamilies: ['IPv4'] }),
    ).toMatchObject({
      clusterIP: 'None',
      ipFamilies: ['IPv4', 'IPv6'],
      picks: [],
    });
  });

  it('get the second address when their policy changes, and give it back when it changes again', () => {
    const single = {
      clusterIP: '10.0.0.3',
      clusterIPs: ['10.0.0.3'],
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
    };
    const both = filled(allocation(), { ...single, ipFamilyPolicy: 'PreferDualStack' }, single);
    expect(both).toMatchObject({ clusterIPs: ['10.0.0.3', v6], ipFamilies: ['IPv4', 'IPv6'] });
    const { picks: _picks, ...spec } = both;
    expect(filled(allocation(), { ...(spec as Spec), ipFamilyPolicy: 'SingleStack' }, spec as Spec)).toMatchObject(
      single,
    );
  });

  it('get no second address by a change of something else, where the cluster has come to have another family', () => {
    const single = {
      clusterIP: '10.0.0.3',
      clusterIPs: ['10.0.0.3'],
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'PreferDualStack',
    };
    expect(filled(allocation(), { ...single, selector: { a: 'b' } }, single)).toEqual({ ...single, picks: [] });
    const asked = { ...single, ipFamilies: ['IPv4', 'IPv6'] };
    expect(filled(allocation(), asked, single)).toMatchObject({ clusterIPs: ['10.0.0.3', v6] });
  });

  it('keep both addresses when a replace names the first alone, or none', () => {
    for (const [ipFamilies, clusterIPs] of [
      [
        ['IPv4', 'IPv6'],
        ['10.0.0.3', 'fd00::5'],
      ],
      [
        ['IPv6', 'IPv4'],
        ['fd00::5', '10.0.0.3'],
      ],
    ] as const) {
      const old: Spec = {
        clusterIP: clusterIPs[0],
        clusterIPs: [...clusterIPs],
        ipFamilies: [...ipFamilies],
        ipFamilyPolicy: 'PreferDualStack',
      };
      const kept = { ...old, picks: [] };
      expect(filled(allocation(), {}, old)).toEqual(kept);
      expect(filled(allocation(), { clusterIP: clusterIPs[0] }, old)).toEqual(kept);
      // As defaulting leaves it.
      expect(filled(allocation(), { clusterIP: clusterIPs[0], clusterIPs: [clusterIPs[0]] }, old)).toEqual(kept);
      const one = { clusterIPs: [clusterIPs[0]], ipFamilies: [ipFamilies[0]], ipFamilyPolicy: 'SingleStack' };
      expect(filled(allocation(), { ipFamilyPolicy: 'SingleStack' }, old)).toMatchObject(one);
    }
  });

  it('keep what they have when a value of theirs is taken by another, and are told of the family that has none', () => {
    const pool = allocation();
    const one = service({ ipFamilyPolicy: 'RequireDualStack' });
    const [first, second] = pool.fill(one, undefined);
    const [address = ''] = one.spec.clusterIPs ?? [];
    second?.reject();
    expect(one.spec).toMatchObject({ clusterIP: address, clusterIPs: [address] });
    expect(pool.fill(one, undefined)).toHaveLength(1);
    expect(one.spec.clusterIPs).toEqual([address, v6]);
    first?.reject();
    expect(one.spec.clusterIP).toBeUndefined();
    expect(pool.fill(one, undefined)).toHaveLength(1);
    expect(one.spec.clusterIPs).toEqual([v4, v6]);
    for (let index = 0; index < 5; index++) pool.track(service({ clusterIP: `fd00::${index + 2}` }), `o${index}`);
    expect(problemsOf(pool, { ipFamilyPolicy: 'RequireDualStack' })).toEqual([
      expect.stringMatching(/failed to allocate an IP address: the range fd00::\/125 is full$/),
    ]);
  });

  it('are refused what the cluster has not', () => {
    expect(problemsOf(allocation('10.0.0.0/29'), { ipFamilyPolicy: 'RequireDualStack' })).toEqual([
      expect.stringMatching(/^spec.ipFamilyPolicy: .*this cluster is not configured for dual-stack services$/),
    ]);
    expect(filled(allocation('10.0.0.0/29'), { ipFamilyPolicy: 'PreferDualStack' })).toMatchObject({
      clusterIPs: [v4],
    });
    expect(problemsOf(allocation(), { clusterIP: 'fd01::1', clusterIPs: ['fd01::1'], ipFamilies: ['IPv6'] })).toEqual([
      expect.stringMatching(/the provided IP is not in the valid range fd00::\/125$/),
    ]);
    expect(problemsOf(allocation(), { ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv4', 'IPv6'] })).toEqual([
      expect.stringMatching(/must be RequireDualStack or PreferDualStack when multiple IP families are specified$/),
    ]);
  });

  it('hold one address, however it is written', () => {
    const pool = allocation();
    pool.track(service({ clusterIP: 'fd00::5' }), 'default/other');
    expect(problemsOf(pool, { clusterIP: 'FD00:0::5', clusterIPs: ['FD00:0::5'] })).toEqual([
      expect.stringMatching(/fd00::5: provided IP is already allocated$/),
    ]);
  });
});
