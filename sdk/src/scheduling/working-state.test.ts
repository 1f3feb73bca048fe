import { describe, expect, it } from '@jest/globals';
import type { Node, Pod } from '../kube/index.ts';
import type { NodeRow, PodInfo, SchedulerSnapshot } from '../contracts/scheduler/index.ts';
import { listedObjects, listSnapshot } from './list-snapshot.ts';
import { PodClasses } from './pod-class.ts';
import { WorkingState } from './working-state.ts';

const nodeOf = (name: string, labels: Record<string, string>): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, labels },
  spec: {},
});

function podOf(name: string, labels: Record<string, string>, spec: Record<string, unknown> = {}): Pod {
  const metadata = { name, namespace: 'x', uid: `uid-${name}`, labels };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [], ...spec } };
}

/** A snapshot that is written to. */
class Live {
  readonly rows: NodeRow[] = [];
  generation = 0;
  objects: SchedulerSnapshot['objects'] = listedObjects();

  put(at: number, node: Node | undefined, pods: readonly PodInfo[] = [], nominated: readonly PodInfo[] = []): void {
    this.generation += 1;
    this.rows[at] = { name: node?.metadata.name ?? '', node, pods, nominated, generation: this.generation };
  }

  get snapshot(): SchedulerSnapshot {
    return {
      generation: this.generation,
      rows: this.rows,
      nodeCount: this.rows.length,
      changedSince: (since) => this.rows.flatMap(({ generation }, at) => (generation > since ? [at] : [])),
      objects: this.objects,
    };
  }
}

const zone = 'zone';

function antiAffinity(app: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  const term = { topologyKey: zone, labelSelector: { matchLabels: { app } }, ...more };
  return { affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } } };
}

describe('WorkingState', () => {
  it('gives numbers of domains that have no node any more to new ones', () => {
    const live = new Live();
    const view = new WorkingState();
    for (let turn = 0; turn < 100; turn += 1) {
      live.put(0, nodeOf(`n${turn}`, { zone: `z${turn}` }));
      live.put(1, nodeOf(`m${turn}`, { zone: 'same' }));
      view.sync(live.snapshot);
      expect(view.domains(zone).valueOf(view.domains(zone).ofRow[0] ?? -1)).toBe(`z${turn}`);
    }
    expect(view.domains(zone).count).toBe(2);
  });

  it('has columns that are longer than the list of rows, also where there is no node', () => {
    const live = new Live();
    const view = new WorkingState();
    live.put(0, nodeOf('n', { zone: 'a' }));
    view.sync(live.snapshot);
    const domains = view.domains(zone);
    for (let at = 1; at < 100; at += 1) live.put(at, undefined);
    view.sync(live.snapshot);
    expect(domains.ofRow.length).toBeGreaterThan(100);
    expect([...domains.ofRow.subarray(0, 100)]).toEqual([0, ...Array.from({ length: 99 }, () => -1)]);
  });

  it('counts pods of a node each, also when two claim to be the same', () => {
    const live = new Live();
    const view = new WorkingState();
    const pods = new PodClasses();
    const node = nodeOf('n', { zone: 'a' });
    const twins = [pods.infoOf(podOf('p', { app: 'a' })), pods.infoOf(podOf('p', { app: 'b' }))];
    live.put(0, node, twins);
    view.sync(live.snapshot);
    expect(view.podCount[0]).toBe(2);
    live.put(0, node, []);
    view.sync(live.snapshot);
    expect(view.podCount[0]).toBe(0);
  });

  it('keeps what it counted by labels of namespaces when other objects change', () => {
    const live = new Live();
    const view = new WorkingState();
    const pods = new PodClasses();
    const asker = pods.infoOf(
      podOf('q', {}, antiAffinity('a', { namespaceSelector: { matchLabels: { team: 'blue' } } })),
    );
    const matcher = asker.class.requiredAntiAffinity[0]?.matcher;
    if (matcher === undefined) throw new Error('the pod has a term');
    const objects = (generation: number, team: string) => ({
      ...listedObjects({ namespaces: { x: { team } } }),
      generation,
    });
    live.put(0, nodeOf('n', { zone: 'a' }), [pods.infoOf(podOf('p', { app: 'a' }))]);
    live.objects = objects(1, 'blue');
    view.sync(live.snapshot);
    const first = view.matching(matcher, zone, true);
    expect(first.total).toBe(1);
    live.objects = objects(2, 'blue');
    view.sync(live.snapshot);
    expect(view.matching(matcher, zone, true)).toBe(first);
    live.objects = objects(3, 'red');
    view.sync(live.snapshot);
    expect(view.matching(matcher, zone, true).total).toBe(0);
  });

  it('forgets the least used of many counts, and counts anew when it is asked', () => {
    const view = new WorkingState();
    const pods = new PodClasses();
    const placed = ['p', 'q', 'r'].map((name) => pods.infoOf(podOf(name, { app: 'a0' })));
    const snapshot = listSnapshot([nodeOf('n', { zone: 'a' })], () => placed);
    view.sync(snapshot);
    const matcherOf = (app: string) => {
      const [term] = pods.infoOf(podOf('q', {}, antiAffinity(app))).class.requiredAntiAffinity;
      if (term === undefined) throw new Error('the pod has a term');
      return term.matcher;
    };
    const first = view.matching(matcherOf('a0'), zone, true);
    for (let at = 1; at <= 2048; at += 1) view.matching(matcherOf(`a${at}`), zone, true);
    const last = view.matching(matcherOf('a2048'), zone, true);
    view.sync(snapshot);
    expect(view.matching(matcherOf('a2048'), zone, true)).toBe(last);
    expect(view.matching(matcherOf('a0'), zone, true)).not.toBe(first);
    view.add(0, pods.infoOf(podOf('s', { app: 'a0' })));
    expect(view.matching(matcherOf('a0'), zone, true).total).toBe(4);
    // What was forgotten is not kept up to date any more.
    expect(first.total).toBe(3);
  });

  it('forgets topologies by which nothing is counted', () => {
    const view = new WorkingState();
    const snapshot = listSnapshot([nodeOf('n', { zone: 'a' })]);
    view.sync(snapshot);
    const first = view.domains('k0');
    for (let at = 1; at <= 256; at += 1) view.domains(`k${at}`);
    view.sync(snapshot);
    expect(view.domains('k0')).not.toBe(first);
  });

  it('knows terms that lost their owners and got them back', () => {
    const view = new WorkingState();
    const pods = new PodClasses();
    view.sync(listSnapshot([nodeOf('n', { zone: 'a' })]));
    const owner = pods.infoOf(podOf('p', { app: 'a' }, antiAffinity('a')));
    view.add(0, owner);
    const [before] = view.placedTermsAbout('required-anti-affinity', owner.class);
    expect(before?.owners.total).toBe(1);
    view.remove(0, owner);
    expect([...view.placedTerms('required-anti-affinity')]).toEqual([]);
    view.add(0, owner);
    expect(before?.owners.total).toBe(1);
  });

  it('forgets terms that have no owners when they are many', () => {
    const view = new WorkingState();
    const pods = new PodClasses();
    const snapshot = listSnapshot([nodeOf('n', { zone: 'a' })]);
    view.sync(snapshot);
    const disliked = pods.infoOf(podOf('q', { app: 'a' }));
    const about = () => view.placedTermsAbout('required-anti-affinity', disliked.class).length;
    for (let at = 0; at <= 256; at += 1) {
      const more = { matchLabels: { app: 'a' }, matchExpressions: [{ key: `k${at}`, operator: 'DoesNotExist' }] };
      view.add(0, pods.infoOf(podOf(`p${at}`, {}, antiAffinity('a', { labelSelector: more }))));
    }
    expect(about()).toBe(257);
    view.sync(snapshot);
    expect(about()).toBe(0);
  });

  it('is as it was after a trial, whatever happens in it and afterwards', () => {
    const view = new WorkingState();
    const pods = new PodClasses();
    const [one, two] = ['p', 'q'].map((name) => pods.infoOf(podOf(name, { app: 'a' }))) as [PodInfo, PodInfo];
    view.sync(listSnapshot([nodeOf('n', { zone: 'a' })], () => [one, two]));
    const broken = (): void =>
      view.trial(0, (trial) => {
        trial.remove(one);
        expect(view.podCount[0]).toBe(1);
        trial.remove(one);
      });
    expect(broken).toThrow('pod x/p is moved within its node');
    expect([view.podCount[0], view.podsOf(0)]).toEqual([2, [one, two]]);
    const kept = view.trial(0, (trial) => trial);
    expect(() => kept.remove(two)).toThrow('a trial is used while it lasts');
    expect([view.podCount[0], view.podsOf(0)]).toEqual([2, [one, two]]);
  });

  it('counts no members of a group that are being deleted', () => {
    const live = new Live();
    const view = new WorkingState();
    const pods = new PodClasses();
    const member = podOf('p', { 'scheduling.timonel.dev/pod-group': 'g' });
    const leaving = { ...member, metadata: { ...member.metadata, deletionTimestamp: '2030-01-01T00:00:00Z' } };
    const counts = [[member], [leaving], []].map((members) => {
      live.put(
        0,
        nodeOf('n', {}),
        members.map((pod) => pods.infoOf(pod)),
      );
      view.sync(live.snapshot);
      return view.placedOfGroup('x/g');
    });
    expect(counts).toEqual([1, 0, 0]);
  });

  it('leaves out nominated pods that do not count for a pod, also when one of them was decided before', () => {
    const live = new Live();
    const view = new WorkingState();
    const pods = new PodClasses();
    const nominated = pods.infoOf(podOf('p', { app: 'a' }));
    const important = pods.infoOf(podOf('q', { app: 'b' }, { priority: 10 }));
    live.put(0, nodeOf('n', { zone: 'a' }), [], [nominated]);
    view.sync(live.snapshot);
    const countFor = (pod: PodInfo, isPlaced = false) =>
      view.withoutNominated(
        pod,
        () => view.podCount[0],
        () => isPlaced,
      );
    expect([view.podCount[0], countFor(important), view.podCount[0]]).toEqual([1, 0, 1]);
    expect([countFor(nominated), view.podCount[0]]).toEqual([0, 1]);
    expect([countFor(nominated, true), view.podCount[0]]).toEqual([0, 0]);
    expect([countFor(important), view.podCount[0]]).toEqual([0, 0]);
    view.sync(live.snapshot);
    expect(view.podCount[0]).toBe(1);
  });
});
