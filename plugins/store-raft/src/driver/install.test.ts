/** A snapshot is installed while writes, applies, crashes and full disks come in between. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Entry } from '../raft/index.ts';
import { until } from '../../test/group.ts';
import { DriverBed, gate, makeSnapshot, noSpace, startOn, type BedSnapshot } from './testing/driver-bed.ts';

let snapshot: BedSnapshot;
beforeAll(async () => {
  snapshot = await makeSnapshot(
    Array.from({ length: 20 }, (_, at) => `k${at}`),
    3,
  );
}, 60_000);

let bed: DriverBed | undefined;
afterEach(async () => {
  await bed?.close();
  bed = undefined;
});

const entries = (from: number, to: number): Entry[] =>
  Array.from({ length: to - from + 1 }, (_, at) => ({ type: 'noop', index: from + at, term: 1 }));

function append(bed: DriverBed, from: number, to: number, term = 1): void {
  const prevTerm = from === 1 ? 0 : 1;
  const given = { prevIndex: from - 1, prevTerm, entries: entries(from, to), commit: to, round: 0 };
  bed.receive({ type: 'appendRequest', from: 'a', to: 'b', term, ...given });
}

describe('a snapshot that is installed', () => {
  it('is not followed by entries from before it', async () => {
    bed = await DriverBed.open();
    const { hooks, data, failures } = bed;
    const first = gate();
    hooks.append = () => first.opened;
    append(bed, 1, 5);
    await until('the first write is under way', () => data.stored !== undefined);
    append(bed, 6, 10);
    bed.receiveSnapshot(snapshot, snapshot.meta.term);
    await new Promise((resolve) => setImmediate(resolve));
    // Entries that were committed and wait for their write.
    first.open();
    await until('it is installed', () => bed?.driver.status().applied === snapshot.meta.index);
    await until('the next entry is taken', () => {
      bed?.receive({
        type: 'appendRequest',
        from: 'a',
        to: 'b',
        term: snapshot.meta.term,
        prevIndex: snapshot.meta.index,
        prevTerm: snapshot.meta.term,
        entries: [{ type: 'noop', index: snapshot.meta.index + 1, term: snapshot.meta.term }],
        commit: snapshot.meta.index + 1,
        round: 0,
      });
      return data.machine.standing.appliedIndex === snapshot.meta.index + 1;
    });
    expect(failures).toEqual([]);
    expect(data.machine.get('k7')).toBeDefined();
  });

  it('tells of the new state in the turn in which it can be read', async () => {
    bed = await DriverBed.open();
    const { hooks, data, changes } = bed;
    let toldBeforeReset = false;
    hooks.reset = async () => {
      toldBeforeReset = data.machine.standing.revision === 1 || changes.some(({ replaced }) => replaced);
    };
    bed.receiveSnapshot(snapshot, snapshot.meta.term);
    await until('it is installed', () => bed?.driver.status().applied === snapshot.meta.index);
    expect(toldBeforeReset).toBe(true);
    expect(changes.filter(({ replaced }) => replaced)).toHaveLength(1);
  });

  it('can be started on after a crash at any of its steps', async () => {
    bed = await DriverBed.open();
    const { hooks, data } = bed;
    const images: string[] = [];
    const take = async (): Promise<void> => {
      images.push((await bed?.crashImage(`image-${images.length}`)) ?? '');
    };
    const first = gate();
    let appends = 0;
    hooks.append = async () => {
      if (appends++ === 0) await first.opened;
      await take();
    };
    hooks.reset = take;
    append(bed, 1, 5);
    bed.receiveSnapshot(snapshot, snapshot.meta.term);
    // The new state is built while the log is busy; the later term of its leader is not on disk yet.
    await until('the state is built', () => data.states.count > 1);
    first.open();
    await until('it is installed', () => bed?.driver.status().applied === snapshot.meta.index);
    await until('the pieces are gone', () => !existsSync(join(bed?.directory ?? '', 'data', 'incoming')));
    await take();
    expect(images.length).toBeGreaterThan(2);
    for (const image of images) {
      const { applied, base } = await startOn(image);
      expect([0, snapshot.meta.index]).toContain(applied);
      expect(base).toBe(applied);
    }
    await take();
    expect(await startOn(images.at(-1) as string)).toEqual({ applied: snapshot.meta.index, base: snapshot.meta.index });
  });

  it('waits for room on a full disk, and goes on', async () => {
    bed = await DriverBed.open();
    const { hooks, data, failures } = bed;
    let full = true;
    let refused = 0;
    hooks.reset = async () => {
      if (!full) return;
      refused++;
      throw noSpace();
    };
    bed.receiveSnapshot(snapshot, snapshot.meta.term);
    await until('the log has no room', () => refused > 0);
    await expect(bed.driver.propose({ type: 'compact', revision: 1 })).rejects.toMatchObject({ code: 'NO_SPACE' });
    full = false;
    await until('it is installed', () => bed?.driver.status().applied === snapshot.meta.index);
    append(bed, snapshot.meta.index + 1, snapshot.meta.index + 1, snapshot.meta.term);
    expect(failures).toEqual([]);
    expect(data.machine.get('k7')).toBeDefined();
  });

  it('is asked for again when it came damaged', async () => {
    bed = await DriverBed.open();
    const { sent, failures, data } = bed;
    const damaged = Buffer.from(snapshot.data);
    damaged[100] = (damaged[100] ?? 0) ^ 1;
    bed.receiveSnapshot({ meta: snapshot.meta, data: damaged }, snapshot.meta.term);
    await until('it is asked for again', () =>
      sent.some((message) => message.type === 'snapshotResponse' && message.offset === 0),
    );
    expect(data.states.count).toBe(1);
    bed.receiveSnapshot(snapshot, snapshot.meta.term);
    await until('it is installed', () => bed?.driver.status().applied === snapshot.meta.index);
    expect(failures).toEqual([]);
  });

  it('stops the member when the log fails in between', async () => {
    bed = await DriverBed.open();
    const { hooks, failures } = bed;
    hooks.reset = () => Promise.reject(Object.assign(new Error('broken'), { code: 'EIO' }));
    bed.receiveSnapshot(snapshot, snapshot.meta.term);
    await until('the member stops', () => failures.length > 0);
    await expect(bed.driver.barrier()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('does not hold up a stop while the disk is full', async () => {
    bed = await DriverBed.open();
    const { hooks, driver } = bed;
    let refused = 0;
    hooks.append = () => {
      refused++;
      return Promise.reject(noSpace());
    };
    append(bed, 1, 5);
    bed.receiveSnapshot(snapshot, snapshot.meta.term);
    await until('the log has no room', () => refused > 1);
    let closed = false;
    void driver.close().then(() => (closed = true));
    await until('it has stopped', () => closed, 10_000);
  });
});
