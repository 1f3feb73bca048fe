import { describe, expect, it } from '@jest/globals';
import type { Service } from '@timonel/sdk/kube';
import { createSimulatedEnv } from '@timonel/core';
import { Allocation } from './allocation.ts';
import { addressRange } from './ranges.ts';

function service(spec: Partial<Service['spec']>): Service {
  return {
    metadata: { name: 'x', namespace: 'default' },
    spec: { type: 'ClusterIP', ports: [{ port: 80, protocol: 'TCP' }], ...spec },
  };
}

function allocation(cidr = '10.0.0.0/29'): Allocation {
  const range = addressRange(cidr);
  if (range === undefined) throw new Error('no range');
  return new Allocation(createSimulatedEnv({ seed: 1 }), [range], { first: 30_000, last: 30_001 });
}

describe('addressRange', () => {
  it('knows usable addresses', () => {
    const range = addressRange('10.96.3.7/16');
    expect(range).toMatchObject({ cidr: '10.96.0.0/16', first: '10.96.0.1', size: 65_533 });
    expect(range?.at(0)).toBe('10.96.0.2');
    expect(range?.at(65_532)).toBe('10.96.255.254');
    expect([
      range?.includes('10.96.0.1'),
      range?.includes('10.96.255.255'),
      range?.includes('10.97.0.1'),
      range?.includes('x'),
    ]).toEqual([true, false, false, false]);
    for (const bad of ['10.0.0.0', '10.0.0.0/30', '10.0.0.0/7', '300.0.0.0/16', '::/64'])
      expect(addressRange(bad)).toBeUndefined();
  });
});

describe('Allocation', () => {
  it('uses up the range, says so, and has room again', () => {
    const pool = allocation();
    const made = ['a', 'b', 'c', 'd', 'e'].map((owner) => {
      const one = service({});
      pool.fill(one, undefined);
      pool.track(one, owner);
      return one;
    });
    expect(new Set(made.map(({ spec }) => spec.clusterIP)).size).toBe(5);
    const late = service({});
    pool.fill(late, undefined);
    expect(pool.problems(late, 'late')[0]?.message).toContain('the range 10.0.0.0/29 is full');
    const [first] = made;
    if (first === undefined) throw new Error('nothing was made');
    pool.untrack(first, 'a');
    pool.fill(late, undefined);
    expect(late.spec.clusterIP).toBe(first.spec.clusterIP);
    expect(pool.problems(late, 'late')).toEqual([]);
  });

  it('uses up the node ports, says so and which one is taken, and has room again', () => {
    const pool = allocation();
    const made = ['a', 'b'].map((owner) => {
      const one = service({ type: 'NodePort' });
      pool.fill(one, undefined);
      pool.track(one, owner);
      return one;
    });
    const late = service({ type: 'NodePort' });
    pool.fill(late, undefined);
    expect(pool.problems(late, 'late').map(({ message }) => message)).toEqual([
      expect.stringContaining('failed to allocate a node port: the range is full'),
    ]);
    const greedy = service({ type: 'NodePort', ports: [{ port: 80, protocol: 'TCP', nodePort: 30_000 }] });
    pool.fill(greedy, undefined);
    expect(pool.problems(greedy, 'greedy')[0]?.message).toContain('provided port is already allocated');
    const [first] = made;
    if (first === undefined) throw new Error('nothing was made');
    pool.untrack(first, 'a');
    pool.fill(late, undefined);
    expect(pool.problems(late, 'late')).toEqual([]);
  });

  it('gives services with a local external policy a port for health checks, keeps it, and gives it to no other', () => {
    const pool = allocation();
    const spec = { type: 'LoadBalancer', externalTrafficPolicy: 'Local', allocateLoadBalancerNodePorts: false };
    const first = service(spec);
    expect(pool.fill(first, undefined).map(({ name }) => name)).toContain(
      `node-ports/${first.spec.healthCheckNodePort}-TCP`,
    );
    expect([30_000, 30_001]).toContain(first.spec.healthCheckNodePort);
    pool.track(first, 'first');
    const port = first.spec.healthCheckNodePort ?? 0;
    const found = (more: Partial<Service['spec']>): string[] => {
      const other = service(more);
      pool.fill(other, undefined);
      return pool.problems(other, 'other').map(({ field }) => field);
    };
    const ports = [{ nodePort: port, port: 80, protocol: 'TCP' }];
    expect(found({ type: 'NodePort', ports })).toEqual(['spec.ports[0].nodePort']);
    expect(found({ ...spec, healthCheckNodePort: port })).toEqual(['spec.healthCheckNodePort']);
    const replaced = service(spec);
    expect(pool.fill(replaced, first).filter(({ name }) => name.startsWith('node-ports/'))).toEqual([]);
    expect(replaced.spec.healthCheckNodePort).toBe(first.spec.healthCheckNodePort);
    const [second, third] = [service(spec), service(spec)];
    pool.fill(second, undefined);
    pool.track(second, 'second');
    pool.fill(third, undefined);
    expect(pool.problems(third, 'third')).toMatchObject([{ field: 'spec.healthCheckNodePort' }]);
    pool.untrack(second, 'second');
    pool.fill(third, undefined);
    expect(pool.problems(third, 'third')).toEqual([]);
  });

  it('does not pick what it has picked lately, and takes a pick out of the object', () => {
    const pool = allocation();
    const picked = Array.from({ length: 5 }, () => {
      const one = service({});
      const [pick] = pool.fill(one, undefined);
      const { clusterIP } = one.spec;
      expect(pick?.name).toBe(`addresses/${clusterIP}`);
      pick?.reject();
      expect([one.spec.clusterIP, one.spec.clusterIPs]).toEqual([undefined, undefined]);
      return clusterIP;
    });
    expect(new Set(picked).size).toBe(5);
    // What was asked for is judged by the services alone.
    const wanted = service({ clusterIP: '10.0.0.3', clusterIPs: ['10.0.0.3'] });
    expect(pool.problems(wanted, 'x')).toEqual([]);
  });

  it('refuses families that the cluster has not, but for headless services without selector', () => {
    const pool = allocation();
    const problems = (spec: Partial<Service['spec']>): string[] => {
      const one = service(spec);
      pool.fill(one, undefined);
      return pool.problems(one, 'x').map(({ field, message }) => `${field}: ${message}`);
    };
    const dual = { ipFamilyPolicy: 'RequireDualStack' };
    const refusals = [
      'spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services',
      'spec.ipFamilies[1]: Invalid value: "IPv6": not configured on this cluster',
    ];
    expect(problems({ ...dual, ipFamilies: ['IPv4', 'IPv6'] })).toEqual(refusals);
    expect(problems({ ...dual, clusterIP: 'None', selector: { app: 'x' } })).toEqual(refusals.slice(0, 1));
    expect(problems({ ...dual, clusterIP: 'None', ipFamilies: ['IPv4', 'IPv6'] })).toEqual([]);
    expect(problems({ ipFamilyPolicy: 'PreferDualStack', ipFamilies: ['IPv4'] })).toEqual([]);
    // One that is stored with them may still be changed, and deleted.
    const stored = service({ ...dual, clusterIP: '10.0.0.2' });
    expect(pool.problems(stored, 'x', stored)).toEqual([]);
  });

  it('takes a node port of null, as charts send it with every type, for none', () => {
    const pool = allocation();
    for (const spec of [{ type: 'ClusterIP' }, { type: 'ClusterIP', clusterIP: 'None' }, { type: 'ExternalName' }]) {
      const one = service({ ...spec, ports: [{ port: 80, nodePort: null as never }] });
      pool.fill(one, undefined);
      expect(one.spec.ports).toEqual([{ port: 80 }]);
    }
  });

  it('gives a port of two protocols one node port, if it can be had for both', () => {
    const ports = ['TCP', 'UDP'].map((protocol) => ({ name: protocol.toLowerCase(), port: 53, protocol }));
    const numbers = (one: Service): (number | undefined)[] => (one.spec.ports ?? []).map(({ nodePort }) => nodePort);
    const fresh = (): Service => service({ type: 'NodePort', ports: ports.map((port) => ({ ...port })) });
    const pool = allocation();
    const dns = fresh();
    const picks = pool.fill(dns, undefined);
    const [tcp, udp] = numbers(dns);
    expect([tcp, picks.filter(({ name }) => name.startsWith('node-ports/')).length]).toEqual([udp, 2]);
    // A request elsewhere has it for one of the protocols.
    for (const pick of picks) if (pick.name === `node-ports/${udp}-UDP`) pick.reject();
    pool.fill(dns, undefined);
    expect([numbers(dns)[0], numbers(dns)[1] === (tcp === 30_000 ? 30_001 : 30_000)]).toEqual([tcp, true]);
    // One that a service has for the other protocol is not for both.
    const held = service({ type: 'NodePort', ports: [{ port: 1, protocol: 'UDP', nodePort: 30_000 }] });
    const chosen = fresh();
    const [first] = chosen.spec.ports ?? [];
    if (first !== undefined) first.nodePort = 30_000;
    const other = allocation();
    other.track(held, 'held');
    other.fill(chosen, undefined);
    expect(numbers(chosen)).toEqual([30_000, 30_001]);
  });

  it('leaves the lower part of a range to those who choose for themselves, while there is room above', () => {
    const range = addressRange('10.0.0.0/24');
    if (range === undefined) throw new Error('no range');
    const pool = new Allocation(createSimulatedEnv({ seed: 1 }), [range], { first: 30_000, last: 32_767 });
    const picked = Array.from({ length: 253 }, (_, index) => {
      const one = service({ type: 'NodePort' });
      pool.fill(one, undefined);
      pool.track(one, `s${index}`);
      return one.spec;
    });
    const last = ({ clusterIP = '' }: Service['spec']): number => Number(clusterIP.split('.')[3]);
    expect(Math.min(...picked.slice(0, 238).map(last))).toBe(17);
    expect(Math.max(...picked.slice(238).map(last))).toBe(16);
    expect(Math.min(...picked.map(({ ports }) => ports?.[0]?.nodePort ?? 0))).toBeGreaterThanOrEqual(30_086);
  });

  it('gives node ports once for each protocol and keeps those of the old object', () => {
    const pool = allocation();
    const one = service({ type: 'NodePort' });
    pool.fill(one, undefined);
    pool.track(one, 'one');
    const nodePort = one.spec.ports?.[0]?.nodePort ?? 0;
    const replaced = service({ type: 'NodePort' });
    pool.fill(replaced, one);
    expect(replaced.spec.ports?.[0]?.nodePort).toBe(nodePort);
    const udp = service({ type: 'NodePort', clusterIP: 'None', ports: [{ port: 53, protocol: 'UDP', nodePort }] });
    expect(pool.problems(udp, 'udp')).toEqual([]);
    const tcp = service({ type: 'NodePort', clusterIP: 'None', ports: [{ port: 53, protocol: 'TCP', nodePort }] });
    expect(pool.problems(tcp, 'tcp')[0]).toMatchObject({ field: 'spec.ports[0].nodePort' });
  });
});
