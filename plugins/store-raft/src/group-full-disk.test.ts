/** The disk of one member of a group fills up: the others go on, it does not stand in their way, and it catches up when there is room. */
import { execFileSync } from 'node:child_process';
import { appendFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { Store } from '@timonel/sdk/contracts/store';
import { Group, until } from '../test/group.ts';

const isRoot = process.getuid?.() === 0;
const describeAsRoot = isRoot ? describe : describe.skip;

const put = (store: Store, key: string) =>
  store.txn({ compare: [], success: [{ op: 'put', key, value: Buffer.alloc(1_000, 'v') }] });

async function fill(path: string): Promise<void> {
  const some = Buffer.alloc(64 * 1024);
  for (;;) {
    const code = await appendFile(path, some).then(
      () => undefined,
      (error: { code?: unknown }) => error.code,
    );
    if (code === 'ENOSPC') return;
    expect(code).toBeUndefined();
  }
}

describeAsRoot(`a group${isRoot ? '' : ' (skipped: mounting a small file system needs root)'}`, () => {
  let group: Group | undefined;
  let mountPoint = '';
  afterEach(async () => {
    await group?.stop(0);
    if (mountPoint !== '') execFileSync('umount', [mountPoint]);
    mountPoint = '';
    await group?.close();
  });

  it.each([true, false])(
    'goes on when the disk of a member is full, the leader: %s',
    async (leads) => {
      // LMDB prints a failed write itself.
      console.error = () => undefined;
      const prepare = (dataDir: string, at: number): void => {
        if (at !== 0 || mountPoint !== '') return;
        execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', dataDir]);
        mountPoint = dataDir;
      };
      group = await Group.start({ size: 3, prepare, config: { segmentBytes: 2 * 1024 * 1024 } });
      const { failures } = group;
      const [full, second, third] = [group.store(0), group.store(1), group.store(2)];
      await put(full, 'first');
      const wanted = group.idOf(leads ? 0 : 1);
      await until('the right one leads', async () => {
        if ((await full.status()).leaderId === wanted) return true;
        await group
          ?.store(0)
          .admin.moveLeader(wanted)
          .catch(() => undefined);
        return false;
      });

      const filler = join(mountPoint, 'filler');
      await fill(filler);
      const acknowledged: string[] = [];
      const writeAll = async (count: number): Promise<void> => {
        const goal = acknowledged.length + count;
        await until(`${goal} writes are done`, async () => {
          const keys = Array.from({ length: 50 }, (_, n) => `k${acknowledged.length + n}`);
          const done = await Promise.all(
            keys.map((key, n) =>
              put(n % 2 === 0 ? second : third, key).then(
                () => true,
                () => false,
              ),
            ),
          );
          acknowledged.push(...keys.filter((_key, n) => done[n]));
          return acknowledged.length >= goal;
        });
      };
      await writeAll(4_000);
      // It refuses at once, and says why.
      await until('it refuses writes', () =>
        put(full, 'refused').then(
          () => false,
          (error: { code?: unknown }) => error.code === 'NO_SPACE',
        ),
      );
      await until('another leads', async () => {
        const { leaderId } = await second.status();
        return leaderId !== undefined && leaderId !== group?.idOf(0);
      });
      expect(await full.get('first', { serializable: true })).toMatchObject({ kv: { key: 'first' } });
      await writeAll(500);

      await rm(filler);
      await until('it takes writes again', () =>
        put(full, 'after').then(
          () => true,
          () => false,
        ),
      );
      const { kvs } = await full.range({ prefix: 'k', keysOnly: true });
      const found = new Set(kvs.map(({ key }) => key));
      expect(acknowledged.filter((key) => !found.has(key))).toEqual([]);
      await until('all members answer alike', async () => (await group?.store(1).admin.check())?.healthy ?? false);
      expect(failures).toEqual([]);
    },
    120_000,
  );
});
