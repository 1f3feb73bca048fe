import { describe, expect, it } from '@jest/globals';
import { createSimulatedEnv, type SimulatedEnv } from '@timonel/core';
import type { Service } from '@timonel/sdk/kube';
import { MemoryStore } from '../../store-memory/src/memory-store.ts';
import { ClaimStore } from './claim-store.ts';
import { Claims } from './claims.ts';
import { ReleasedValues } from './released-values.ts';
import { Repair } from './repair.ts';

const silent = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
const value = 'addresses/10.0.0.9';

interface Server {
  readonly claims: Claims;
  readonly released: ReleasedValues;
}

class Bench {
  readonly env: SimulatedEnv = createSimulatedEnv({ seed: 1 });
  readonly memory = new MemoryStore(this.env);
  readonly store = new ClaimStore(this.memory);
  readonly services = new Map<string, Service>();
  readonly told: string[] = [];
  readonly read = (owner: string): Promise<Service | undefined> => Promise.resolve(this.services.get(owner));

  server(): Server {
    const { env, store, read } = this;
    const released = new ReleasedValues();
    return { claims: new Claims({ store, released, read, env, log: silent }), released };
  }

  /** A service that holds the value. */
  put(owner: string, uid: string): Service {
    const [namespace = '', name = ''] = owner.split('/');
    const service: Service = {
      metadata: { namespace, name, uid },
      spec: { type: 'ClusterIP', clusterIP: '10.0.0.9', clusterIPs: ['10.0.0.9'], ports: [{ port: 80 }] },
    };
    this.services.set(owner, service);
    return service;
  }

  repair(graceMs: number): Repair {
    const { env, store, read, services } = this;
    return new Repair({
      store,
      services: () => [...services.values()],
      read,
      env,
      log: silent,
      graceMs,
      inRange: (name) => !name.includes('192.'),
      tell: ({ metadata }, { reason, message }) => this.told.push(`${metadata.name} ${reason}: ${message}`),
    });
  }

  /** Moves time on until the promise is settled. */
  async drive<T>(work: Promise<T>): Promise<T> {
    const state = { done: false };
    work.then(
      () => (state.done = true),
      () => (state.done = true),
    );
    await this.env.settle();
    for (let step = 0; step < 200 && !state.done; step += 1) await this.env.advance(50);
    return work;
  }
}

const a = { owner: 'default/a', uid: 'ua' };
const b = { owner: 'default/b', uid: 'ub' };

describe('Claims', () => {
  it('gives a value to one of two servers', async () => {
    const bench = new Bench();
    const [one, two] = [bench.server().claims, bench.server().claims];
    const taken = await Promise.all([one.claim([value], a, false), two.claim([value], b, false)]);
    expect(taken.map((names) => names.length).sort((x, y) => x - y)).toEqual([0, 1]);
  });

  it('claims all of a list or none', async () => {
    const bench = new Bench();
    await bench.server().claims.claim([value], a, false);
    expect(await bench.server().claims.claim([value, 'node-ports/30000-TCP'], b, false)).toEqual([value]);
    expect((await bench.store.all()).map(({ name }) => name)).toEqual([value]);
  });

  it('claims again for the service of the same name, so that a release that was under way comes too late', async () => {
    const bench = new Bench();
    await bench.server().claims.claim([value], a, false);
    const before = await bench.store.get(value);
    expect(await bench.server().claims.claim([value], { ...a, uid: 'new' }, false)).toEqual([]);
    expect(await bench.store.release({ name: value, revision: before?.revision ?? 0 })).toBe(false);
    expect(await bench.store.get(value)).toMatchObject({ uid: 'new' });
  });

  it('takes over what a service has released, but not what was claimed since', async () => {
    const bench = new Bench();
    const { claims, released } = bench.server();
    await claims.claim([value], a, false);
    const { revision = 0 } = (await bench.store.get(value)) ?? {};
    released.add('ua', value, String(revision));
    expect(await claims.claim([value], b, false)).toEqual([value]);
    released.add('ua', value, String(revision + 1));
    expect(await claims.claim([value], b, false)).toEqual([]);
  });

  it('waits for a claim whose service is gone when the user wants the very value, and no longer than a second', async () => {
    const bench = new Bench();
    const first = bench.server();
    const second = bench.server();
    await first.claims.claim([value], a, false);
    expect(await second.claims.claim([value], b, false)).toEqual([value]);
    expect(await bench.drive(second.claims.claim([value], b, true))).toEqual([value]);
    expect(bench.env.clock.monotonic()).toBeGreaterThanOrEqual(1_000);
    expect(bench.env.clock.monotonic()).toBeLessThan(1_500);
    const waiting = second.claims.claim([value], b, true);
    await bench.env.advance(100);
    await bench.store.release({ name: value, revision: (await bench.store.get(value))?.revision ?? 0 });
    expect(await bench.drive(waiting)).toEqual([]);
    bench.put(b.owner, b.uid);
    const began = bench.env.clock.monotonic();
    expect(await bench.drive(first.claims.claim([value], { ...a, uid: 'later' }, true))).toEqual([value]);
    expect(bench.env.clock.monotonic() - began).toBeLessThan(200);
  });

  it('releases what a request that failed had claimed, after a while', async () => {
    const bench = new Bench();
    const { claims } = bench.server();
    await claims.claim([value], a, false);
    await bench.env.advance(20_000);
    await claims.settle();
    expect(await bench.store.get(value)).toBeDefined();
    await bench.env.advance(20_000);
    await claims.settle();
    expect(await bench.store.get(value)).toBeUndefined();
  });

  it('keeps what a service holds, and gives it back to the one that was there before', async () => {
    const bench = new Bench();
    const { claims } = bench.server();
    await claims.claim([value], a, false);
    claims.confirm(bench.put(a.owner, a.uid));
    // A second creation of the name, which the API refuses.
    await claims.claim([value], { ...a, uid: 'refused' }, false);
    await bench.env.advance(40_000);
    await claims.settle();
    expect(await bench.store.get(value)).toMatchObject(a);
    await claims.settle();
    expect(await bench.store.get(value)).toMatchObject(a);
  });
});

describe('Repair', () => {
  const always = (): boolean => true;

  it('gives services their claims and frees others after the grace time', async () => {
    const bench = new Bench();
    await bench.server().claims.claim(['node-ports/30000-TCP'], a, false);
    bench.put(b.owner, b.uid);
    const repair = bench.repair(60_000);
    await repair.run(always);
    expect(await bench.store.all()).toMatchObject([{ name: value, ...b }, { name: 'node-ports/30000-TCP' }]);
    await bench.env.advance(59_000);
    await repair.run(always);
    expect(await bench.store.all()).toHaveLength(2);
    await bench.env.advance(1_000);
    await repair.run(always);
    expect(await bench.store.all()).toMatchObject([{ name: value, ...b }]);
  });

  it('says what it found, once: claims that were lost, values of two services, of which the elder has it, and of no range', async () => {
    const bench = new Bench();
    const age = (service: Service, creationTimestamp: string): void => {
      service.metadata.creationTimestamp = creationTimestamp;
    };
    age(bench.put(a.owner, a.uid), '2026-01-01T00:00:01Z');
    age(bench.put(b.owner, b.uid), '2026-01-01T00:00:00Z');
    const far = bench.put('default/far', 'uf');
    far.spec = { type: 'NodePort', clusterIP: '192.0.2.1', ports: [{ port: 80, nodePort: 30_000 }] };
    const repair = bench.repair(60_000);
    await repair.run(always);
    await repair.run(always);
    expect(bench.told.toSorted((x, y) => (x < y ? -1 : 1))).toEqual([
      'a ClusterIPAlreadyAllocated: Cluster IP [IPv4]: 10.0.0.9 was assigned to multiple services; please recreate service',
      'b ClusterIPNotAllocated: Cluster IP [IPv4]: 10.0.0.9 is not allocated; repairing',
      'far ClusterIPNotAllocated: Cluster IP [IPv4]: 192.0.2.1 is not allocated; repairing',
      'far ClusterIPOutOfRange: Cluster IP [IPv4]: 192.0.2.1 is not within any service CIDR; please recreate service',
      'far PortNotAllocated: Port 30000 is not allocated; repairing',
    ]);
    expect(await bench.store.get(value)).toMatchObject(b);
  });

  it('gives a claim that was renewed the whole time again', async () => {
    const bench = new Bench();
    await bench.server().claims.claim([value], a, false);
    const repair = bench.repair(60_000);
    await repair.run(always);
    await bench.env.advance(59_000);
    await bench.server().claims.claim([value], { ...a, uid: 'again' }, false);
    await repair.run(always);
    await bench.env.advance(59_000);
    await repair.run(always);
    expect(await bench.store.all()).toHaveLength(1);
    await bench.env.advance(1_000);
    await repair.run(always);
    expect(await bench.store.all()).toHaveLength(0);
  });

  it('writes nothing when another leads', async () => {
    const bench = new Bench();
    bench.put(b.owner, b.uid);
    await bench.repair(0).run(() => false);
    expect(await bench.store.all()).toEqual([]);
  });
});
