/** What a crash, or bad luck, can leave of the last write, byte by byte. */
import { describe, expect, it } from '@jest/globals';
import { commands, founded, summaryOf } from './testing/log-model.ts';
import { MemoryDisk } from './testing/memory-disk.ts';
import { openMemoryLog } from './testing/memory-log.ts';

const hardState = { term: 1, votedFor: 'a' };
const before = summaryOf({ hardState, base: founded, entries: commands(1, 6) });
const newVote = { term: 2, votedFor: undefined };
const after = summaryOf({ hardState: newVote, base: founded, entries: commands(1, 9) });

interface LastWrite {
  readonly disk: MemoryDisk;
  readonly name: string;
  readonly old: Buffer;
  readonly new: Buffer;
  readonly start: number;
  /** Behind the last byte that differs. */
  readonly end: number;
}

async function lastWrite(): Promise<LastWrite> {
  const disk = new MemoryDisk(Math.random);
  const log = await openMemoryLog(disk);
  await log.append([{ hardState, entries: commands(1, 3) }]);
  await log.append([{ hardState: undefined, entries: commands(4, 3) }]);
  const [name] = disk.names() as [string];
  const old = Buffer.from(disk.content(name));
  await log.append([{ hardState: newVote, entries: commands(7, 3) }]);
  const content = Buffer.from(disk.content(name));
  let start = 0;
  while (old[start] === content[start]) start += 1;
  let end = content.byteLength;
  while (old[end - 1] === content[end - 1]) end -= 1;
  return { disk, name, old, new: content, start, end };
}

/** Opens the log with this content, checks it, and that it goes on. */
async function recovers({ disk, name }: LastWrite, content: Buffer): Promise<string> {
  const copy = disk.copy();
  copy.setContent(name, content);
  const log = await openMemoryLog(copy);
  const { recovered } = log;
  expect(await log.check()).toEqual([]);
  const next = recovered.base.index + recovered.entries.length + 1;
  await log.append([{ hardState: undefined, entries: commands(next, 1, 9, 5) }]);
  await log.close();
  const again = await openMemoryLog(copy);
  const entries = [...recovered.entries, ...commands(next, 1, 9, 5)];
  expect(summaryOf(again.recovered)).toBe(summaryOf({ ...recovered, entries }));
  await again.close();
  return summaryOf(recovered);
}

describe('the last write', () => {
  it('counts when all of it is there', async () => {
    const write = await lastWrite();
    expect(write.end - write.start).toBeGreaterThan(100);
    expect(await recovers(write, Buffer.from(write.new))).toBe(after);
  });

  it('counts not at all when it was written up to any byte', async () => {
    const write = await lastWrite();
    for (let at = write.start; at < write.end; at += 1) {
      const content = Buffer.concat([write.new.subarray(0, at), write.old.subarray(at)]);
      expect([at, await recovers(write, content)]).toEqual([at, before]);
    }
  });

  it('counts not at all when it was written from any byte on', async () => {
    const write = await lastWrite();
    for (let at = write.start + 1; at < write.end; at += 1) {
      const content = Buffer.concat([write.old.subarray(0, at), write.new.subarray(at)]);
      expect([at, await recovers(write, content)]).toEqual([at, before]);
    }
  });

  it('counts not at all when the file ends at any of its bytes', async () => {
    const write = await lastWrite();
    for (let at = write.start; at < write.end; at += 1) {
      const content = Buffer.from(write.new.subarray(0, at));
      expect([at, await recovers(write, content)]).toEqual([at, before]);
    }
  });

  it('counts not at all when any of its bytes is another one', async () => {
    const write = await lastWrite();
    for (let at = write.start; at < write.end; at += 1) {
      for (const mask of [0x01, 0xff]) {
        const content = Buffer.from(write.new);
        content.writeUInt8(content.readUInt8(at) ^ mask, at);
        expect([at, await recovers(write, content)]).toEqual([at, before]);
      }
    }
  });

  it('is never mistaken for what a segment that is used again still holds', async () => {
    const disk = new MemoryDisk(Math.random);
    const log = await openMemoryLog(disk);
    const segments = (): readonly string[] => disk.names().filter((name) => name.startsWith('log-'));
    let last = 0;
    const put = (bytes: number): Promise<void> =>
      log.append([{ hardState: undefined, entries: commands(++last, 1, 1, bytes) }]);
    while (disk.names().length < 5) await put(300);
    for (let round = 0; round < 60; round += 1) {
      await log.dropUpTo({ ...founded, index: last, term: 1 });
      await put(100 + (round % 7));
      const copy = disk.copy();
      const name = segments().at(-1) as string;
      const content = copy.content(name);
      const again = await openMemoryLog(copy.copy());
      expect(again.recovered.entries).toEqual(commands(last, 1, 1, 100 + (round % 7)));
      // The last record loses its checksum; behind it are old records.
      const at = content.lastIndexOf(dataOf(last, 100 + (round % 7)));
      content.writeUInt8(content.readUInt8(at) ^ 1, at);
      const cut = await openMemoryLog(copy);
      expect(cut.recovered.entries).toEqual([]);
    }
    expect(disk.names()).toContain('spare.wal');
  });

  it('counts not at all when it was torn and held a copy of another, longer log', async () => {
    const [disk, otherDisk] = [new MemoryDisk(Math.random), new MemoryDisk(Math.random)];
    const [log, other] = [await openMemoryLog(disk), await openMemoryLog(otherDisk)];
    await log.append([{ hardState, entries: commands(1, 3) }]);
    for (let index = 1; index <= 30; index += 1) await other.append([{ hardState, entries: commands(index, 1) }]);
    const [name] = disk.names() as [string];
    const [otherName] = otherDisk.names() as [string];
    const position = disk.content(name).lastIndexOf(dataOf(3, 20)) + 20;
    // Sound records, whose numbers are those of records to come.
    const data = new Uint8Array(otherDisk.content(otherName).subarray(0, 3000));
    await log.append([{ hardState: undefined, entries: [{ type: 'command', index: 4, term: 1, data }] }]);
    const cut = disk.copy();
    cut.content(name).fill(0, position, position + 100);
    const again = await openMemoryLog(cut);
    expect(summaryOf(again.recovered)).toBe(summaryOf({ hardState, base: founded, entries: commands(1, 3) }));
    expect((await openMemoryLog(disk)).recovered.entries).toHaveLength(4);
  });
});

/** What `commands` puts into the entry of this index. */
function dataOf(index: number, bytes: number): Buffer {
  return Buffer.alloc(bytes, index);
}
