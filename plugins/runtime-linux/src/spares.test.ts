/** Directories of containers that are gone serve the next ones, which see nothing of those before them. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import { until } from '@timonel/testkit';
import { Bed } from './testing/bed.ts';

const most = 32;
const bed = new Bed(createRealEnv());
beforeAll(() => bed.open(), 60_000);
afterAll(() => bed.close());

const inTrash = (): string[] => readdirSync(join(bed.dataDir, 'trash'));
const spares = (): string[] => readdirSync(join(bed.dataDir, 'spare'));
const inodeOf = (id: string): number => statSync(join(bed.dataDir, 'containers', id)).ino;
const emptied = (): Promise<unknown> => until(() => inTrash().length === 0, { what: 'the trash to be empty' });

describe('a directory that is used again', () => {
  it('is as new for a container', async () => {
    const sandbox = await bed.sandbox();
    const change = 'echo secret > /left; mkdir -p /a/b; rm /etc/passwd; chmod 700 /; echo -n bye > /dev/end; exit 3';
    const first = await bed.run(change, { terminationMessagePath: '/dev/end' }, sandbox);
    const inode = inodeOf(first.id);
    await bed.runtime.removeContainer(first.id);
    await emptied();
    expect(spares()).toHaveLength(1);
    const script = 'ls -d /left /a /etc/passwd; stat -c %a /';
    const second = await bed.run(script, { terminationMessagePath: '/dev/end' }, sandbox);
    expect(inodeOf(second.id)).toBe(inode);
    expect(second).toMatchObject({ exitCode: 0, message: '', stdout: '/etc/passwd\n755' });
    await bed.removeAll();
    await emptied();
  });

  it('is removed instead when it is not one of a container, when something in it cannot go, and when there are enough', async () => {
    for (const name of spares()) renameSync(join(bed.dataDir, 'spare', name), join(bed.dataDir, 'trash', name));
    const odd = join(bed.dataDir, 'trash', 'odd');
    mkdirSync(join(odd, 'upper'), { recursive: true });
    writeFileSync(join(bed.dataDir, 'trash', 'file'), '');
    const held = join(bed.dataDir, 'trash', 'held');
    for (const part of ['upper/busy', 'work']) mkdirSync(join(held, part), { recursive: true });
    for (let i = 0; i < most + 5; i++)
      mkdirSync(join(bed.dataDir, 'trash', `t${i}`, 'work', 'work'), { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', 'none', join(held, 'upper', 'busy')]);
    try {
      await bed.restart();
      await until(() => inTrash().length === 1, { what: 'the trash to hold only what is held' });
      expect(inTrash()).toEqual(['held']);
      expect(spares()).toHaveLength(most);
      expect(spares()).not.toEqual(expect.arrayContaining(['odd']));
      for (const name of spares())
        expect(readdirSync(join(bed.dataDir, 'spare', name)).toSorted()).toEqual(['upper', 'work']);
    } finally {
      execFileSync('umount', [join(held, 'upper', 'busy')]);
    }
    await bed.restart();
    await emptied();
    expect(spares()).toHaveLength(most);
  });
});
