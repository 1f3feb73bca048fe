import { existsSync, readdirSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core/env';
import { until } from '../../test/group.ts';
import { silentLogger } from '../../test/silent-logger.ts';
import { packCommand } from '../command.ts';
import { openMember, type MemberData } from '../member/open-member.ts';
import type { SnapshotRead } from '../raft/index.ts';
import { SnapshotSender } from './snapshot-sender.ts';

const env = createRealEnv();
const read: SnapshotRead = { to: 'b', snapshotId: undefined, minIndex: 1, offset: 0, limitBytes: 1_000 };

describe('SnapshotSender', () => {
  let dataDir = '';
  let data: MemberData;
  let sender: SnapshotSender;
  let nowMs = 0;
  let hold: Promise<void> | undefined;
  beforeEach(async () => {
    nowMs = 0;
    hold = undefined;
    dataDir = await mkdtemp(join(tmpdir(), 'timonel-sender-'));
    data = await openMember({ env, log: silentLogger, dataDir, address: '', join: false });
    write(100);
    const { machine } = data;
    sender = new SnapshotSender({
      env: { ...env, clock: { ...env.clock, monotonic: () => nowMs } },
      log: silentLogger,
      dataDir,
      machine,
      checkpoint: async () => {
        await hold;
        await machine.checkpoint();
      },
      keepMs: 1_000,
    });
  });
  afterEach(async () => {
    await sender.close();
    await data.machine.file.close();
    await data.log.close();
    await rm(dataDir, { recursive: true, force: true });
  });

  function write(count: number): void {
    const { machine } = data;
    for (let n = 0; n < count; n++) {
      const index = machine.standing.appliedIndex + 1;
      const txn = { compare: [], success: [{ op: 'put' as const, key: `k${index}`, value: Buffer.alloc(500) }] };
      machine.apply({ type: 'command', index, term: 1, data: packCommand({ type: 'txn', txn }) });
    }
  }

  it('gives the same bytes piece by piece, and forgets them when nobody asks any more', async () => {
    await until('it is made', async () => (await sender.chunk(read)) !== undefined);
    const first = await sender.chunk(read);
    const { id, sizeBytes, index } = first?.snapshot ?? { id: '', sizeBytes: 0, index: 0 };
    expect(index).toBe(100);
    let offset = 0;
    for (let last = false; !last;) {
      write(1);
      nowMs += 500;
      sender.tidy();
      const chunk = await sender.chunk({ ...read, snapshotId: id, offset });
      expect(chunk).toMatchObject({ offset, snapshot: { id } });
      offset += chunk?.data.byteLength ?? 0;
      last = chunk?.last ?? true;
    }
    expect(offset).toBe(sizeBytes);
    nowMs += 1_000;
    sender.tidy();
    await until('it is removed', () => readdirSync(join(dataDir, 'snapshots')).length === 0);
    expect(await sender.chunk({ ...read, snapshotId: id, offset: 0 })).toBeUndefined();
  });

  it('has the log kept while one is made and until a piece of it is given', async () => {
    expect(sender.neededIndex).toBe(Infinity);
    let go: () => void = () => undefined;
    hold = new Promise((resolve) => (go = resolve));
    expect(await sender.chunk(read)).toBeUndefined();
    write(50);
    expect(sender.neededIndex).toBe(100);
    nowMs += 61_000;
    expect(sender.neededIndex).toBe(Infinity);
    nowMs -= 61_000;
    go();
    await until('it is made', () => sender.neededIndex === 150);
    expect(await sender.chunk(read)).toMatchObject({ snapshot: { index: 150 } });
    expect(sender.neededIndex).toBe(Infinity);
  });

  it('waits after a failure, and makes one then', async () => {
    // Where the directory should be.
    await writeFile(join(dataDir, 'snapshots'), '');
    expect(await sender.chunk(read)).toBeUndefined();
    await until('it has failed', () => sender.neededIndex === Infinity);
    await rm(join(dataDir, 'snapshots'));
    await mkdir(join(dataDir, 'snapshots'));
    expect(await sender.chunk(read)).toBeUndefined();
    expect(sender.neededIndex).toBe(Infinity);
    nowMs += 5_000;
    await until('it is made', async () => (await sender.chunk(read)) !== undefined);
  });

  it('gives up what it makes when it is closed', async () => {
    write(2_000);
    expect(await sender.chunk(read)).toBeUndefined();
    await sender.close();
    expect(existsSync(join(dataDir, 'snapshots'))).toBe(false);
    expect(await sender.chunk(read)).toBeUndefined();
  });
});
