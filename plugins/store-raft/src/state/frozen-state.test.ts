import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Overlay } from './overlay.ts';
import { StateFile, type StateMeta } from './state-file.ts';

const meta = (revision: number): StateMeta => ({
  format: 2,
  appliedIndex: revision,
  appliedTerm: 1,
  configuration: { voters: ['a'], outgoing: [], learners: [], addresses: {} },
  revision,
  compactedRevision: 1,
  eventsRevision: 1,
  lastLeaseId: 0,
  installedIndex: 0,
  sessions: [],
});

describe('a frozen state', () => {
  let dataDir = '';
  let file: StateFile;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'timonel-frozen-'));
    file = new StateFile(join(dataDir, 'state.mdb'));
    await put(2);
  });
  afterEach(async () => {
    await file.close();
    await rm(dataDir, { recursive: true });
  });

  /** A thousand keys, all at this revision. */
  async function put(revision: number): Promise<void> {
    const overlay = new Overlay();
    const keys = Array.from({ length: 1_000 }, (_, at) => `k${String(at).padStart(4, '0')}`);
    const events = keys.map((key) => {
      const kv = { key, value: Buffer.from('v'), createRevision: 2, modRevision: revision, version: 1, lease: 0 };
      return { type: 'put' as const, kv, prevKv: undefined };
    });
    overlay.add({ revision, events });
    await file.save(overlay, meta(revision));
  }

  it('stays what it was while the file goes on', async () => {
    const frozen = file.freeze();
    const revisions = new Set<number>();
    let read = 0;
    for (const { modRevision } of frozen.kvs) {
      revisions.add(modRevision);
      if (++read % 300 === 0) await put(2 + read);
    }
    expect([read, ...revisions]).toEqual([1_000, 2]);
    frozen.done();
    frozen.done();
    const [now] = file.freeze().kvs;
    expect(now?.modRevision).toBe(902);
  });

  it.each([0, 1])('fails when the file is closed while it is read, after %i more checkpoints', async (more) => {
    const frozen = file.freeze();
    let read = 0;
    const reading = (async () => {
      for (const _kv of frozen.kvs) {
        if (++read < 10) continue;
        for (let n = 0; n < more; n++) await put(3 + n);
        await file.close();
      }
    })();
    await expect(reading).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(read).toBe(10);
    frozen.done();
    expect(() => [...frozen.kvs]).toThrow('replaced by a snapshot');
  });

  it('may be left in the middle', async () => {
    const frozen = file.freeze();
    for (const { key } of frozen.kvs) if (key > 'k0100') break;
    expect([...frozen.kvs]).toHaveLength(1_000);
    frozen.done();
    await put(3);
  });
});
