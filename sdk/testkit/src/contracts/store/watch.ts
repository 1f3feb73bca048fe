import { describe, expect, it } from '@jest/globals';
import { defaultWatchLimits, type WatchBatch } from '@timonel/sdk/contracts/store';
import { codeOf, described, eventsUpTo, put, putOf, readUntil, remove, text, type StoreBed } from './harness.ts';

/** Watches: completeness, order, bounds, ends. */
export function watchContract(bed: () => StoreBed): void {
  describe('watch', () => {
    it('from now on: nothing of before, everything after', async () => {
      const { store } = bed();
      await put(store, 'k/before');
      const watch = store.watch({ prefix: 'k/', fromRevision: 0 });
      await put(store, 'k/a', '1');
      await put(store, 'other');
      const last = await remove(store, 'k/a');
      expect(await eventsUpTo(watch, last)).toEqual(['put k/a=1@3', 'delete k/a=@5']);
    });

    it('from every past revision, and on into the present', async () => {
      const { store } = bed();
      for (let at = 0; at < 6; at++) await put(store, `k/${at % 2}`, `${at}`);
      for (let from = 1; from <= 7; from++) {
        const watch = store.watch({ prefix: 'k/', fromRevision: from });
        const last = await put(store, 'k/later', `${from}`);
        const events = await eventsUpTo(watch, last);
        expect(events.map((event) => Number(event.split('@')[1]))).toEqual(
          Array.from({ length: last - Math.max(from, 2) + 1 }, (_, at) => Math.max(from, 2) + at),
        );
      }
    });

    it('from a revision that is still to come', async () => {
      const { store } = bed();
      const watch = store.watch({ prefix: '', fromRevision: 4 });
      for (const value of ['2', '3', '4', '5']) await put(store, 'a', value);
      expect(await eventsUpTo(watch, 5)).toEqual(['put a=4@4', 'put a=5@5']);
    });

    it('tells what was before', async () => {
      const { store } = bed();
      await put(store, 'a', '1');
      await put(store, 'a', '2');
      await remove(store, 'a');
      await put(store, 'a', '3');
      const check = (batches: WatchBatch[]): void => {
        const events = batches.flatMap((batch) => batch.events);
        expect(events.map((event) => [event.type, text(event.kv), text(event.prevKv)])).toEqual([
          ['put', '1', undefined],
          ['put', '2', '1'],
          ['delete', '', '2'],
          ['put', '3', undefined],
        ]);
        expect(events[1]?.prevKv).toMatchObject({ modRevision: 2, createRevision: 2, version: 1 });
        expect(events[1]?.kv).toMatchObject({ modRevision: 3, createRevision: 2, version: 2 });
        expect(events[2]?.kv).toMatchObject({ key: 'a', modRevision: 4 });
      };
      const past = store.watch({ prefix: 'a', fromRevision: 2 });
      check(await readUntil(past[Symbol.asyncIterator](), (read) => (read.at(-1)?.revision ?? 0) >= 5));
      past.close();
      const live = (await bed().another()).store;
      const watch = live.watch({ prefix: '', fromRevision: 0 });
      await put(live, 'a', '1');
      await put(live, 'a', '2');
      await remove(live, 'a');
      await put(live, 'a', '3');
      check(await readUntil(watch[Symbol.asyncIterator](), (read) => (read.at(-1)?.revision ?? 0) >= 5));
      watch.close();
    });

    it('never splits a revision', async () => {
      const { store } = bed();
      const keys = Array.from({ length: 400 }, (_, at) => `k${at}`);
      for (let round = 0; round < 3; round++) {
        await store.txn({ compare: [], success: keys.map((key) => putOf(key, `${round}`)) });
      }
      const live = store.watch({ prefix: 'k', fromRevision: 0 });
      const past = store.watch({ prefix: 'k', fromRevision: 2 });
      for (let round = 3; round < 6; round++) {
        await store.txn({ compare: [], success: keys.map((key) => putOf(key, `${round}`)) });
      }
      for (const [watch, first] of [
        [live, 5],
        [past, 2],
      ] as const) {
        const batches = await readUntil(watch[Symbol.asyncIterator](), (read) => (read.at(-1)?.revision ?? 0) >= 7);
        watch.close();
        let from = first;
        for (const batch of batches) {
          expect(batch.events).toHaveLength(400 * (batch.revision - from + 1));
          expect(batch.events.at(-1)?.kv.modRevision).toBe(batch.revision);
          from = batch.revision + 1;
        }
        expect(from).toBe(8);
      }
    });

    it('no gap, no duplicate, no reordering while writers go on', async () => {
      const { store } = bed();
      const total = 600;
      const starts = [0, 2, 100, 300];
      const collected = new Map<number, Promise<string[]>>();
      let written = 0;
      const writer = async (): Promise<void> => {
        while (written < total) {
          const at = written++;
          await put(store, `k/${at % 10}`, `${at}`);
          if (at === 350) {
            for (const from of starts) {
              const watch = store.watch({ prefix: 'k/', fromRevision: from });
              collected.set(
                from,
                collect(watch[Symbol.asyncIterator](), total + 1).finally(() => watch.close()),
              );
            }
          }
        }
      };
      await Promise.all(Array.from({ length: 8 }, writer));
      for (const [from, events] of collected) {
        const revisions = (await events).map((event) => Number(event.split('@')[1]));
        const first = from === 0 ? (revisions[0] ?? 0) : from;
        expect(revisions).toEqual(Array.from({ length: total + 1 - first + 1 }, (_, at) => first + at));
      }
      expect([...collected.keys()]).toEqual(starts);
    });

    it('watches one prefix among much else', async () => {
      const { store } = bed();
      await put(store, 'rare/1');
      for (let at = 0; at < 5; at++) {
        await store.txn({ compare: [], success: Array.from({ length: 500 }, (_, n) => putOf(`much/${at}/${n}`)) });
      }
      const last = await put(store, 'rare/2');
      const watch = store.watch({ prefix: 'rare/', fromRevision: 1 });
      expect(await eventsUpTo(watch, last)).toEqual(['put rare/1=v@2', `put rare/2=v@${last}`]);
    });

    it('gives a bookmark when asked, never ahead of events', async () => {
      const { store } = bed();
      const watch = store.watch({ prefix: 'k/', fromRevision: 0 });
      const iterator = watch[Symbol.asyncIterator]();
      const last = await put(store, 'elsewhere');
      watch.requestProgress();
      expect((await iterator.next()).value).toEqual({ events: [], revision: last });
      await put(store, 'k/a');
      watch.requestProgress();
      const batches = await readUntil(iterator, (read) => read.some((batch) => batch.events.length === 0));
      expect(described(batches.slice(0, 1))).toEqual([`put k/a=v@${last + 1}`]);
      expect(batches.at(-1)).toEqual({ events: [], revision: last + 1 });
      watch.close();
    });
  });

  describe('end of a watch', () => {
    it('ends without error after close, also while it waits', async () => {
      const { store } = bed();
      const watch = store.watch({ prefix: '', fromRevision: 0 });
      const waiting = watch[Symbol.asyncIterator]().next();
      watch.close();
      expect(await waiting).toEqual({ value: undefined, done: true });
      const unused = store.watch({ prefix: '', fromRevision: 1 });
      unused.close();
      unused.close();
      expect((await unused[Symbol.asyncIterator]().next()).done).toBe(true);
    });

    it('delivers nothing after close', async () => {
      const { store } = bed();
      const watch = store.watch({ prefix: '', fromRevision: 0 });
      await put(store, 'a');
      watch.close();
      expect((await watch[Symbol.asyncIterator]().next()).done).toBe(true);
    });

    it('says COMPACTED when the revision is gone, and serves the oldest that is not', async () => {
      const { store } = bed();
      for (const value of ['2', '3', '4', '5']) await put(store, 'a', value);
      await store.compact(4);
      const gone = store.watch({ prefix: '', fromRevision: 3 });
      expect(await codeOf(gone[Symbol.asyncIterator]().next())).toBe('COMPACTED');
      const oldest = store.watch({ prefix: '', fromRevision: 4 });
      const batches = await readUntil(oldest[Symbol.asyncIterator](), (read) => (read.at(-1)?.revision ?? 0) >= 5);
      expect(described(batches)).toEqual(['put a=4@4', 'put a=5@5']);
      expect(batches[0]?.events[0]?.prevKv && text(batches[0].events[0].prevKv)).toBe('3');
      oldest.close();
    });

    it('goes on over a compaction of what it has delivered', async () => {
      const { store } = bed();
      const watch = store.watch({ prefix: '', fromRevision: 0 });
      const iterator = watch[Symbol.asyncIterator]();
      await put(store, 'a', '2');
      await iterator.next();
      await put(store, 'a', '3');
      await store.compact(3);
      await put(store, 'a', '4');
      expect(described(await readUntil(iterator, (read) => (read.at(-1)?.revision ?? 0) >= 4))).toEqual([
        'put a=3@3',
        'put a=4@4',
      ]);
      watch.close();
    });

    it('cuts a slow watcher off, which can resume without loss', async () => {
      const { store } = bed();
      const watch = store.watch({ prefix: 'k', fromRevision: 0 });
      const iterator = watch[Symbol.asyncIterator]();
      const operations = Array.from({ length: 500 }, (_, at) => putOf(`k${at}`));
      await store.txn({ compare: [], success: operations });
      const delivered = await readUntil(iterator, (read) => (read.at(-1)?.revision ?? 0) >= 2);
      expect(described(delivered)).toHaveLength(500);
      const rounds = Math.ceil((2 * defaultWatchLimits.backlogEvents) / 500);
      for (let round = 0; round < rounds; round++) await store.txn({ compare: [], success: operations });
      await store.barrier();
      // What was taken before the cut may still come; then the error.
      let lastRevision = 2;
      const code = await codeOf(
        (async () => {
          for (;;) lastRevision = ((await iterator.next()).value as WatchBatch).revision;
        })(),
      );
      expect(code).toBe('SLOW_WATCHER');
      const resumed = store.watch({ prefix: 'k', fromRevision: lastRevision + 1 });
      const rest = await readUntil(
        resumed[Symbol.asyncIterator](),
        (read) => (read.at(-1)?.revision ?? 0) >= rounds + 2,
      );
      expect(described(rest)).toHaveLength(500 * (rounds + 2 - lastRevision));
      resumed.close();
    });

    it('ends with STOPPED when the store stops', async () => {
      const made = await bed().another();
      const { store } = made;
      const watch = store.watch({ prefix: '', fromRevision: 0 });
      const waiting = codeOf(watch[Symbol.asyncIterator]().next());
      await made.close();
      expect(await waiting).toBe('STOPPED');
      const late = store.watch({ prefix: '', fromRevision: 0 });
      expect(await codeOf(late[Symbol.asyncIterator]().next())).toBe('STOPPED');
      expect(await codeOf(store.get('a'))).toBe('STOPPED');
      expect(await codeOf(put(store, 'a'))).toBe('STOPPED');
    });
  });
}

async function collect(iterator: AsyncIterator<WatchBatch>, upTo: number): Promise<string[]> {
  return described(await readUntil(iterator, (read) => (read.at(-1)?.revision ?? 0) >= upTo));
}
