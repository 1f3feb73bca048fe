import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { encodeSnapshot } from '@timonel/sdk/contracts/store';
import { examineSnapshotFile, saveSnapshotFile } from './snapshot-file.ts';

const kvs = Array.from({ length: 2000 }, (_, at) => ({
  key: `/registry/${String(at).padStart(6, '0')}`,
  value: Buffer.alloc(300, at),
  createRevision: 2,
  modRevision: at + 2,
  version: 1,
  lease: 0,
}));
const content = { revision: 2001, leases: [{ id: 1, ttlMs: 1000 }], kvs };
const pieces = [...encodeSnapshot(content)];
const whole = Buffer.concat(pieces);

async function* slowly(parts: readonly Uint8Array[], failure?: Error): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield await Promise.resolve(part);
  if (failure !== undefined) throw failure;
}

describe('files of snapshots', () => {
  let directory = '';
  let file = '';
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'timonel-snapshot-file-'));
    file = join(directory, 'a.snapshot');
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  it('are written whole, for their owner alone', async () => {
    const told: number[] = [];
    const summary = await saveSnapshotFile(file, slowly(pieces), (bytes) => told.push(bytes));
    expect(summary).toMatchObject({ revision: 2001, keys: 2000, leases: 1, sizeBytes: whole.byteLength });
    expect(told.at(-1)).toBe(whole.byteLength);
    expect((await readFile(file)).equals(whole)).toBe(true);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readdir(directory)).toEqual(['a.snapshot']);
    expect(await examineSnapshotFile(file)).toEqual({ file, valid: true, ...summary });
  });

  it('stay as they were when the next one does not come whole', async () => {
    await writeFile(file, 'the former one');
    const broken = [...pieces.slice(0, -1), Buffer.alloc(32)];
    await expect(saveSnapshotFile(file, slowly(broken), () => undefined)).rejects.toMatchObject({ code: 'CORRUPT' });
    const cut = slowly(pieces.slice(0, 1));
    await expect(saveSnapshotFile(file, cut, () => undefined)).rejects.toMatchObject({ code: 'CORRUPT' });
    const failing = slowly(pieces, new Error('the line is dead'));
    await expect(saveSnapshotFile(file, failing, () => undefined)).rejects.toThrow('the line is dead');
    expect(await readFile(file, 'utf8')).toBe('the former one');
    expect(await readdir(directory)).toEqual(['a.snapshot']);
  });

  it('are found damaged wherever a byte is wrong', async () => {
    const head = 19;
    const regions = {
      magic: 0,
      'kind of the first frame': head,
      'length of the first frame': head + 4,
      revision: head + 5,
      lease: head + 18,
      'length of a key': head + 13 + 21 + 5 + 35,
      key: head + 13 + 21 + 5 + 40,
      value: head + 13 + 21 + 5 + 100,
      middle: whole.byteLength >> 1,
      'last value': whole.byteLength - 60,
      'end frame': whole.byteLength - 36,
      'first byte of the hash': whole.byteLength - 32,
      'last byte of the hash': whole.byteLength - 1,
    };
    for (const [region, at] of Object.entries(regions)) {
      for (const flip of [1, 0x80]) {
        const bytes = Buffer.from(whole);
        bytes[at] = (bytes[at] ?? 0) ^ flip;
        await writeFile(file, bytes);
        const verdict = await examineSnapshotFile(file);
        expect([region, verdict]).toMatchObject([
          region,
          { valid: false, problem: expect.stringContaining('another copy') },
        ]);
      }
    }
    for (const bytes of [
      Buffer.alloc(0),
      whole.subarray(0, 10),
      whole.subarray(0, -1),
      Buffer.concat([whole, whole]),
    ]) {
      await writeFile(file, bytes);
      expect(await examineSnapshotFile(file)).toMatchObject({ valid: false });
    }
  });

  it('say what is wrong with a path', async () => {
    const missing = join(directory, 'no', 'file');
    await expect(examineSnapshotFile(missing)).rejects.toThrow(`${missing} cannot be used: there is no such file`);
    await expect(examineSnapshotFile(directory)).rejects.toThrow('it is a directory');
    await expect(saveSnapshotFile(missing, slowly(pieces), () => undefined)).rejects.toMatchObject({ exitCode: 2 });
    await expect(saveSnapshotFile(directory, slowly(pieces), () => undefined)).rejects.toThrow('it is a directory');
    expect(await readdir(directory)).toEqual([]);
  });
});
