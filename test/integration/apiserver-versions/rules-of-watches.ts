/** Lines 6 to 8: every change once and in order, bookmarks, selectors. */
import { expect } from '@jest/globals';
import { until } from '@timonel/testkit';
import type { HttpWatch, TestApiServer } from '../../support/api-server.ts';
import { cm, eventsOf, merge, revisionOf, type Bed, type Rule } from './bed.ts';

/** Ends the watch, also after a failure. */
async function watching<T>(server: TestApiServer, query: string, work: (watch: HttpWatch) => Promise<T>): Promise<T> {
  const watch = server.watch(`${cm}?watch=1&${query}`);
  try {
    return await work(watch);
  } finally {
    watch.stop();
    await watch.ended;
  }
}

/** Writes 60 changes of one object at all servers; answers what a watch of them must show. */
async function change(bed: Bed, name: string, expected: string[]): Promise<void> {
  for (let round = 0; round < 60; round += 1) {
    if (round % 20 === 0) expected.push(`ADDED ${revisionOf(await bed.create(round, name))}`);
    else if (round % 20 < 19)
      expected.push(`MODIFIED ${revisionOf(await bed.patch(round, name, { round: `${round}` }))}`);
    else {
      expect((await bed.at(round).send('DELETE', `${cm}/${name}`)).status).toBe(200);
      expected.push('DELETED');
    }
  }
}

async function onceAndInOrder(bed: Bed): Promise<void> {
  const name = bed.fresh();
  const expected: string[] = [];
  const writer = { done: false };
  let from = revisionOf(await bed.at(0).send('GET', cm));
  const writing = change(bed, name, expected).finally(() => (writer.done = true));
  const seen: string[] = [];
  const enough = (): boolean => writer.done && seen.length >= expected.length;
  for (let turn = 0; turn < 400 && !enough(); turn += 1) {
    // Each server in turn, each for a few events; one of them lags at times.
    if (turn % 4 === 1) bed.storeOf(turn).stallWatches();
    await watching(bed.at(turn), `resourceVersion=${from}`, async (watch) => {
      await until(() => watch.events.length >= 3, { what: 'events', timeoutMs: 250 }).catch(() => undefined);
      bed.steady();
      for (const { type, object } of watch.events) {
        if (type === 'ERROR') throw new Error(JSON.stringify(object));
        const revision = Number(object.metadata.resourceVersion);
        expect(revision).toBeGreaterThan(from);
        from = revision;
        if (object.metadata.name === name) seen.push(type === 'DELETED' ? type : `${type} ${from}`);
      }
    });
  }
  await writing;
  expect(seen).toEqual(expected);
}

async function aheadWaits(bed: Bed): Promise<void> {
  bed.laggingStore.stallWatches();
  const name = bed.fresh();
  await bed.create(0, name);
  const second = await bed.patch(2, name, { a: '2' });
  await watching(bed.lagging, `resourceVersion=${revisionOf(second)}`, async (watch) => {
    const third = await bed.patch(0, name, { a: '3' });
    bed.laggingStore.resumeWatches();
    await until(() => eventsOf(watch, name).length > 0, { what: 'the event' });
    expect(eventsOf(watch, name)).toEqual([`MODIFIED ${revisionOf(third)}`]);
  });
  // Also far ahead of the store itself.
  const ahead = (await bed.revision()) + 3;
  await watching(bed.at(2), `resourceVersion=${ahead}&allowWatchBookmarks=true`, async (watch) => {
    const names = Array.from({ length: 5 }, () => bed.fresh());
    const revisions: number[] = [];
    for (const [index, one] of names.entries()) revisions.push(revisionOf(await bed.create(index, one)));
    await until(() => eventsOf(watch, names[4] ?? '').length > 0, { what: 'the last event' });
    const seen = watch.events.map(({ object }) => Number(object.metadata.resourceVersion));
    expect(Math.min(...seen)).toBeGreaterThanOrEqual(ahead);
    const changes = watch.events.filter(({ type }) => type !== 'BOOKMARK');
    expect(changes.map(({ object }) => Number(object.metadata.resourceVersion))).toEqual(
      revisions.filter((revision) => revision > ahead),
    );
  });
}

/** A server that lost its place in the store's history: its watches end with 410, as later ones from before do. */
async function tooOld(bed: Bed): Promise<void> {
  const old = await bed.revision();
  const name = bed.fresh();
  await watching(bed.lagging, `resourceVersion=${old}`, async (watch) => {
    await bed.create(0, name);
    await until(() => eventsOf(watch, name).length === 1, { what: 'the first event' });
    bed.laggingStore.stallWatches();
    for (let round = 0; round < 5; round += 1) await bed.patch(0, name, { round: String(round) });
    await bed.compact(await bed.revision());
    bed.laggingStore.breakWatches();
    bed.laggingStore.resumeWatches();
    await until(() => watch.events.some(({ type }) => type === 'ERROR'), { what: 'the end' });
    expect(watch.events.at(-1)?.object).toMatchObject({ kind: 'Status', code: 410, reason: 'Expired' });
    await watch.ended;
  });
  const refused = await bed.lagging.send('GET', `${cm}?watch=1&resourceVersion=${old}`);
  expect(refused).toMatchObject({ status: 410, body: { code: 410, reason: 'Expired' } });
  // List again, and go on.
  const listed = await bed.lagging.send('GET', cm);
  await watching(bed.lagging, `resourceVersion=${revisionOf(listed)}`, async (watch) => {
    const next = await bed.patch(2, name, { round: 'next' });
    await until(() => watch.events.length > 0, { what: 'the next event' });
    expect(eventsOf(watch, name)).toEqual([`MODIFIED ${revisionOf(next)}`]);
  });
}

/** At each server a watch with bookmarks while objects change; `query` is added. */
async function bookmarksUnderLoad(bed: Bed, query: string, begin: number): Promise<void> {
  const name = bed.fresh();
  const path = `${cm}?watch=1&allowWatchBookmarks=true&resourceVersion=${begin}${query}`;
  const watches = bed.servers.map((server) => server.watch(path));
  const marksOf = (watch: HttpWatch): number => watch.events.filter(({ type }) => type === 'BOOKMARK').length;
  try {
    for (const watch of watches) await until(() => marksOf(watch) > 0, { what: 'the first bookmark' });
    const written = [revisionOf(await bed.create(0, name))];
    for (let round = 0; round < 40; round += 1) {
      if (round === 10) bed.laggingStore.stallWatches();
      if (round === 30) bed.laggingStore.resumeWatches();
      written.push(revisionOf(await bed.patch(round, name, { round: String(round) })));
    }
    for (const watch of watches) {
      await until(() => eventsOf(watch, name).length >= written.length, { what: 'the events' });
      const marks = marksOf(watch);
      await until(() => marksOf(watch) > marks, { what: 'a bookmark after them' });
      let mark = 0;
      const delivered: number[] = [];
      for (const { type, object } of watch.events) {
        const revision = Number(object.metadata.resourceVersion);
        if (type === 'BOOKMARK') {
          expect(revision).toBeGreaterThanOrEqual(mark);
          mark = revision;
          // Everything up to there has come.
          expect(delivered).toEqual(written.slice(0, delivered.length));
          expect(written.filter((one) => one <= mark)).toEqual(delivered);
        } else if (object.metadata.name === name) {
          expect(revision).toBeGreaterThan(mark);
          delivered.push(revision);
        }
      }
      expect(mark).toBeGreaterThanOrEqual(written.at(-1) ?? 0);
    }
  } finally {
    for (const watch of watches) watch.stop();
  }
}

async function initialEvents(bed: Bed): Promise<void> {
  const prefix = bed.fresh();
  for (let index = 0; index < 5; index += 1) await bed.create(index, `${prefix}-${index}`, {}, { of: prefix });
  await bed.at(0).send('DELETE', `${cm}/${prefix}-2`);
  const revision = revisionOf(await bed.at(0).send('GET', cm));
  const select = `labelSelector=of%3D${prefix}`;
  const initial = 'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';
  // Without a version, and from one that is not older: both fresh. 0: whatever the server has.
  for (const version of ['', `&resourceVersion=${revision}`, '&resourceVersion=0']) {
    for (const server of bed.servers) {
      await watching(server, `${select}&${initial}${version}`, async (watch) => {
        await until(() => watch.events.some(({ type }) => type === 'BOOKMARK'), { what: 'the bookmark' });
        const end = watch.events.findIndex(({ type }) => type === 'BOOKMARK');
        const { metadata } = watch.events[end]?.object ?? {};
        expect(metadata.annotations).toEqual({ 'k8s.io/initial-events-end': 'true' });
        if (version !== '&resourceVersion=0') expect(Number(metadata.resourceVersion)).toBeGreaterThanOrEqual(revision);
        const state = watch.events.slice(0, end);
        for (const { type, object } of state) {
          expect(type).toBe('ADDED');
          expect(Number(object.metadata.resourceVersion)).toBeLessThanOrEqual(Number(metadata.resourceVersion));
        }
        const names = state.map(({ object }) => object.metadata.name);
        if (version !== '&resourceVersion=0') expect(names).toEqual([0, 1, 3, 4].map((index) => `${prefix}-${index}`));
      });
    }
  }
}

/** A stalled server says nothing rather than that the state before is complete. */
async function initialEventsWait(bed: Bed): Promise<void> {
  bed.laggingStore.stallWatches();
  const name = bed.fresh();
  const version = revisionOf(await bed.create(0, name));
  const query = 'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';
  const refused = await bed.lagging.send('GET', `${cm}?watch=1&${query}&timeoutSeconds=1&resourceVersion=${version}`);
  expect(refused.status).toBe(504);
  await watching(bed.lagging, `${query}&resourceVersion=${version}`, async (watch) => {
    bed.laggingStore.resumeWatches();
    await until(() => watch.events.some(({ type }) => type === 'BOOKMARK'), { what: 'the bookmark' });
    expect(eventsOf(watch, name)).toEqual([`ADDED ${version}`]);
  });
}

async function selectors(bed: Bed): Promise<void> {
  const from = revisionOf(await bed.at(0).send('GET', cm));
  const color = bed.fresh();
  const query = `resourceVersion=${from}&labelSelector=color%3D${color}`;
  const watches = bed.servers.map((server) => server.watch(`${cm}?watch=1&${query}`));
  const [name, direct, end] = [bed.fresh(), bed.fresh(), bed.fresh()];
  const paint = async (index: number, label: string, data: string): Promise<number> => {
    const body = { metadata: { labels: { color: label } }, data: { a: data } };
    return revisionOf(await bed.at(index).send('PATCH', `${cm}/${name}`, { type: merge, body }));
  };
  try {
    await bed.create(0, name, { a: '1' }, { color: 'other' });
    const entered = await paint(1, color, '2');
    const changed = await paint(2, color, '3');
    const left = await paint(0, 'other', '4');
    await paint(1, 'third', '5');
    const again = await paint(2, color, '6');
    const added = revisionOf(await bed.create(0, direct, {}, { color }));
    await bed.at(1).send('DELETE', `${cm}/${direct}`);
    await bed.at(2).send('DELETE', `${cm}/${name}`);
    const last = revisionOf(await bed.create(0, end, {}, { color }));
    for (const watch of watches) {
      await until(() => eventsOf(watch, end).length > 0, { what: 'the last event' });
      const seen = watch.events.map(({ type, object: { metadata, data } }) => [type, metadata.name, data?.a]);
      expect(seen).toEqual([
        ['ADDED', name, '2'],
        ['MODIFIED', name, '3'],
        // As it was when it was selected last.
        ['DELETED', name, '3'],
        ['ADDED', name, '6'],
        ['ADDED', direct, undefined],
        ['DELETED', direct, undefined],
        ['DELETED', name, '6'],
        ['ADDED', end, undefined],
      ]);
      const versions = watch.events.map(({ object }) => Number(object.metadata.resourceVersion));
      expect(versions.slice(0, 5)).toEqual([entered, changed, left, again, added]);
      expect(watch.events[2]?.object.metadata.labels).toEqual({ color });
      // A deletion has a version of its own, between those of its neighbours.
      const [first = 0, second = 0] = versions.slice(5, 7);
      expect([added < first, first < second, second < last, versions[7]]).toEqual([true, true, true, last]);
    }
  } finally {
    for (const watch of watches) watch.stop();
  }
}

export const watchRules: readonly Rule[] = [
  { line: 6, rule: 'every change once and in order, across reconnects to other servers', check: onceAndInOrder },
  { line: 6, rule: 'a version ahead waits, and nothing older is ever shown', check: aheadWaits },
  { line: 6, rule: 'a version that is too old: 410 as a status and as an ERROR event', check: tooOld },
  {
    line: 7,
    rule: 'nothing older follows a bookmark, and nothing up to it is missing',
    check: async (bed) => bookmarksUnderLoad(bed, '', await bed.revision()),
  },
  {
    line: 7,
    rule: 'the same with initial events',
    check: async (bed) =>
      bookmarksUnderLoad(bed, '&sendInitialEvents=true&resourceVersionMatch=NotOlderThan', await bed.revision()),
  },
  { line: 7, rule: 'sendInitialEvents gives the state and the bookmark that ends it', check: initialEvents },
  { line: 7, rule: 'sendInitialEvents waits for the version that was asked for', check: initialEventsWait },
  {
    line: 8,
    rule: 'leaving a selector is DELETED, entering it ADDED, with the versions of the changes',
    check: selectors,
  },
];
