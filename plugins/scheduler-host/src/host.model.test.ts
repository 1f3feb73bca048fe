/** The host amid random events: whatever comes, in the end every pod that fits has been bound once, and nothing is left behind. */
import { afterEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Decision, NodeRow, PodInfo, SchedulerSnapshot, SchedulerTraits } from '@timonel/sdk/contracts/scheduler';
import type { Pod } from '@timonel/sdk/kube';
import { bench, endAll, never, quiet, type Bench } from './testing/host-bench.ts';
import { aLeadership, type LeadershipDouble } from './testing/leadership-double.ts';
import { aNode, aPod } from './testing/stand-ins.ts';

/** Pods that a node takes. */
const slots = 2;
const nodeNames = ['a', 'b', 'c'];

/** A scheduler of slots, with preemption. */
class Slots {
  readonly #snapshot: SchedulerSnapshot;
  readonly #taken = new Map<string, number>();

  constructor(snapshot: SchedulerSnapshot) {
    this.#snapshot = snapshot;
  }

  decide(pod: PodInfo): Decision {
    const rows = this.#snapshot.rows.filter(({ node }) => node !== undefined);
    const free = rows.find((row) => this.#used(row, pod) < slots);
    if (free !== undefined) {
      this.#taken.set(free.name, (this.#taken.get(free.name) ?? 0) + 1);
      return { outcome: 'bind', podUid: pod.uid, nodeName: free.name, scores: [], feasibleNodes: 1 };
    }
    const why = { plugin: 'Slots', code: 'full', reason: 'full', nodeCount: rows.length, nodes: [], resolvable: true };
    for (const row of rows) {
      const victim = row.pods.find(({ class: { priority } }) => priority < pod.class.priority);
      if (victim === undefined || row.nominated.length > 0) continue;
      const { uid, namespace, name } = victim;
      const victims = [{ uid, namespace, name, priority: victim.class.priority }];
      return { outcome: 'preempt', podUid: pod.uid, nodeName: row.name, victims, rejections: [why] };
    }
    return { outcome: 'unschedulable', podUid: pod.uid, rejections: [why] };
  }

  #used({ name, pods, nominated }: NodeRow, { uid, class: { priority } }: PodInfo): number {
    const others = nominated.filter((other) => other.uid !== uid && other.class.priority >= priority);
    return pods.length + others.length + (this.#taken.get(name) ?? 0);
  }
}

type Step =
  | { readonly do: 'put'; readonly pod: number; readonly priority: number }
  | { readonly do: 'relabel' | 'delete' | 'end' | 'finish'; readonly pod: number }
  | { readonly do: 'steal'; readonly pod: number; readonly node: number }
  | { readonly do: 'node'; readonly node: number }
  | { readonly do: 'lead' | 'swap' | 'fault' | 'rest' }
  | { readonly do: 'wait'; readonly ms: number };

const pod = fc.nat(8);
const node = fc.nat(nodeNames.length - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('put' as const), pod, priority: fc.nat(2) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('relabel', 'delete', 'end', 'finish'), pod }) },
  fc.record({ do: fc.constant('steal' as const), pod, node }),
  fc.record({ do: fc.constant('node' as const), node }),
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('lead', 'swap', 'fault', 'rest') }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(1, 50, 150, 1000, 9000) }),
  },
);

class World {
  readonly #bench: Bench;
  readonly #leads: LeadershipDouble;
  readonly #nodes = new Set(['a']);
  #leading = true;
  #version = 0;
  #faults = 0;
  #schedulers = 0;

  constructor(made: Bench, leads: LeadershipDouble) {
    this.#bench = made;
    this.#leads = leads;
    const { api, service, env } = made;
    api.onBinding = async () => {
      await env.timers.sleep(5);
      if (this.#faults > 0 && this.#faults-- > 0) throw new Error('no luck');
      return true;
    };
    api.onDelete = (name) => Promise.resolve(api.remove('pods', `default/${name}`));
    service.trick = async (asked) => {
      const slotted = new Slots(made.host.core.state);
      const decisions = asked.map((each) => slotted.decide(each));
      await env.timers.sleep(2);
      return decisions;
    };
  }

  async run(next: Step): Promise<void> {
    this.#do(next);
    if (next.do === 'wait') await quiet(this.#bench.env, next.ms);
    else if (next.do === 'rest') await this.#bench.env.settle();
  }

  /** Everything is well again, what ends has ended, and there are all nodes. */
  async calm(): Promise<void> {
    const { api } = this.#bench;
    for (const { metadata } of api.pods())
      if (metadata.deletionTimestamp !== undefined) api.remove('pods', `default/${metadata.name}`);
    this.#faults = 0;
    this.#lead(true);
    for (const name of nodeNames) if (!this.#nodes.has(name)) api.put('nodes', aNode(name));
    for (let second = 0; second < 60; second++) await quiet(this.#bench.env, 1000);
  }

  async check(): Promise<void> {
    const { api, host, env } = this.#bench;
    const { state, assumed, preemptions, nominations, queue } = host.core;
    const living = api.pods().filter(({ status }) => status?.phase !== 'Succeeded');
    const uids = (pods: readonly Pod[]): string[] => pods.map(({ metadata }) => metadata.uid ?? '').sort();
    const label = (each: Pod): string => each.metadata.labels?.['v'] ?? '';
    for (const name of nodeNames) {
      const row = state.row(name)?.pods.map((placed) => placed.pod) ?? [];
      const there = living.filter(({ spec }) => spec.nodeName === name);
      expect(uids(row)).toEqual(uids(there));
      expect(row.map(label).sort()).toEqual(there.map(label).sort());
    }
    const waiting = living.filter(({ spec, metadata }) => !spec.nodeName && metadata.deletionTimestamp === undefined);
    expect(uids([...queue.all()].map((queued) => queued.pod.pod))).toEqual(uids(waiting));
    expect([...queue.all()].map((queued) => label(queued.pod.pod)).sort()).toEqual(waiting.map(label).sort());
    const free = nodeNames.some((name) => (state.row(name)?.pods.length ?? 0) < slots);
    expect(waiting.length === 0 || !free).toBe(true);
    expect(new Set(api.bound).size).toBe(api.bound.length);
    expect([assumed.size, preemptions.size, nominations.size]).toEqual([0, 0, 0]);
    expect(waiting.filter(({ status }) => status?.nominatedNodeName).map(({ metadata }) => metadata.name)).toEqual([]);
    const before = api.writes;
    for (let second = 0; second < 60; second++) await quiet(env, 1000);
    expect(api.writes).toBe(before);
  }

  #do(next: Step): void {
    if (next.do === 'put') this.#put(next.pod, next.priority);
    else if (next.do === 'lead') this.#lead(!this.#leading);
    else if (next.do === 'swap') this.#swap();
    else if (next.do === 'fault') this.#faults += 1;
    else if (next.do === 'node') this.#toggle(nodeNames[next.node] ?? '');
    else if ('pod' in next) this.#change(next);
  }

  #put(index: number, priority: number): void {
    const { api } = this.#bench;
    if (api.pod(`p${index}`) !== undefined) return;
    this.#version += 1;
    api.put('pods', aPod(`p${index}`, { priority }, { uid: `uid-p${index}-${this.#version}`, labels: { v: '0' } }));
  }

  #change(next: Extract<Step, { pod: number }>): void {
    const { api } = this.#bench;
    const known = api.pod(`p${next.pod}`);
    if (known === undefined) return;
    const { metadata, spec } = known;
    this.#version += 1;
    if (next.do === 'delete') api.remove('pods', `default/p${next.pod}`);
    else if (next.do === 'end') api.put('pods', { ...known, metadata: { ...metadata, deletionTimestamp: 'now' } });
    else if (next.do === 'relabel')
      api.put('pods', { ...known, metadata: { ...metadata, labels: { v: String(this.#version) } } });
    else if (next.do === 'finish' && spec.nodeName) api.put('pods', { ...known, status: { phase: 'Succeeded' } });
    else if (next.do === 'steal' && !spec.nodeName)
      api.put('pods', { ...known, spec: { ...spec, nodeName: nodeNames[next.node] ?? '' } });
  }

  #toggle(name: string): void {
    const { api } = this.#bench;
    if (this.#nodes.delete(name)) api.remove('nodes', name);
    else {
      this.#nodes.add(name);
      api.put('nodes', aNode(name));
    }
  }

  #lead(leading: boolean): void {
    this.#leading = leading;
    this.#leads.set(leading);
  }

  /** Some admit nothing, some at once, some after a while; none when it is not in charge any more. */
  #swap(): void {
    const { service, env, host } = this.#bench;
    this.#schedulers += 1;
    const kind = this.#schedulers % 3;
    const name = `scheduler-${this.#schedulers}`;
    const admit: SchedulerTraits['admit'] = async () => {
      await env.timers.sleep(kind === 1 ? 100 : 2000);
      return service.name === name ? { outcome: 'bind' } : never();
    };
    service.name = name;
    service.traits = kind === 0 ? {} : { admit };
    host.wake();
  }
}

describe('the scheduler host amid random events', () => {
  afterEach(endAll);

  it('binds every pod that fits once, and leaves nothing behind', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40, size: 'max' }), async (steps) => {
        const leads = aLeadership();
        const made = await bench({ admissionTimeoutMs: 900_000 }, undefined, leads.ref);
        const world = new World(made, leads);
        for (const next of steps) await world.run(next);
        await world.calm();
        await world.check();
        await endAll();
      }),
      { numRuns: Number(process.env['TIMONEL_HOST_RUNS'] ?? 60) },
    );
  }, 120_000);
});
