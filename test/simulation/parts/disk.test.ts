import { describe, expect, it } from '@jest/globals';
import { Disk } from './disk.ts';
import { SimRandom } from './random.ts';
import { Scheduler } from './scheduler.ts';

function bed(seed = 1) {
  const scheduler = new Scheduler();
  return { scheduler, disk: new Disk<number>(scheduler, new SimRandom(seed)) };
}

describe('disk', () => {
  it('keeps what was synced, whatever follows', () => {
    for (let seed = 0; seed < 50; seed++) {
      const { scheduler, disk } = bed(seed);
      disk.append('log', 1, 10);
      let synced = false;
      disk.sync('log', () => (synced = true));
      disk.append('log', 2, 10);
      scheduler.runUntil(100);
      expect(synced).toBe(true);
      disk.crash();
      expect(disk.read('log')[0]).toEqual({ intact: true, record: 1 });
    }
  });

  it('loses, tears or keeps what was not synced, and a sync under way never ends', () => {
    const fates = new Set<string>();
    for (let seed = 0; seed < 50; seed++) {
      const { scheduler, disk } = bed(seed);
      disk.append('log', 1, 10);
      disk.sync('log', () => {
        throw new Error('the sync ended after the crash');
      });
      expect(disk.read('log')).toEqual([{ intact: true, record: 1 }]);
      disk.crash();
      scheduler.runUntil(100);
      fates.add(JSON.stringify(disk.read('log')));
    }
    expect([...fates].toSorted()).toEqual(['[{"intact":false}]', '[{"intact":true,"record":1}]']);
  });

  it('refuses writes when full and takes them again when there is space', () => {
    const { disk } = bed();
    disk.full = true;
    expect(disk.append('log', 1, 10)).toBe(false);
    expect(disk.read('log')).toEqual([]);
    disk.full = false;
    expect(disk.append('log', 2, 10)).toBe(true);
    expect(disk.sizeBytes()).toBe(10);
  });

  it('takes longer when slow', () => {
    const { scheduler, disk } = bed();
    disk.syncMeanMs = 1_000;
    disk.append('log', 1, 10);
    let synced = false;
    disk.sync('log', () => (synced = true));
    scheduler.runUntil(10);
    expect(synced).toBe(false);
    scheduler.runUntil(20_000);
    expect(synced).toBe(true);
  });

  it('cuts a file behind its last good record', () => {
    const { disk } = bed();
    for (const record of [1, 2, 3]) disk.append('log', record, 1);
    disk.truncate('log', 1);
    disk.append('log', 4, 1);
    expect(disk.read('log').map((stored) => stored.intact && stored.record)).toEqual([1, 4]);
    disk.wipe();
    expect(disk.files()).toEqual([]);
  });
});
