import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mustRun } from '@timonel/sdk/command';
import { createRecordingLogger, manualEnv } from '@timonel/testkit';
import { LostDirectories, removePodDirectory } from './pod-directories.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'timonel-pod-directories-'));
  for (const uid of ['known', 'lost']) {
    await mkdir(join(root, uid, 'volumes/v'), { recursive: true });
    await writeFile(join(root, uid, 'volumes/v/file'), '');
  }
});
afterEach(() => rm(root, { recursive: true, force: true }));

const isRoot = process.getuid?.() === 0;

describe('directories of pods', () => {
  (isRoot ? it : it.skip)('are not removed while something is mounted below (needs root)', async () => {
    const place = join(root, 'lost/volumes/v');
    await mustRun('mount', ['-t', 'tmpfs', 'somebody', place]);
    try {
      await writeFile(join(place, 'data'), '');
      await expect(removePodDirectory(join(root, 'lost'))).rejects.toThrow(
        `${place} is mounted still (tmpfs of somebody)`,
      );
      expect(await readdir(place)).toEqual(['data']);
    } finally {
      await mustRun('umount', [place]);
    }
    await removePodDirectory(join(root, 'lost'));
    expect(await readdir(root)).toEqual(['known']);
  });

  const bench = (known: () => ReadonlySet<string> | undefined, fails = false) => {
    const removed: string[] = [];
    const env = manualEnv();
    const volumes = {
      remove: async ({ uid }: { uid: string }) => {
        removed.push(uid);
        if (fails) throw new Error('is busy');
      },
    };
    const lost = new LostDirectories({ env, log: createRecordingLogger(), volumes, directory: root, known });
    return { env, lost, removed };
  };

  it('of pods that went while nobody looked are undone and removed', async () => {
    const { env, lost, removed } = bench(() => new Set(['known']));
    lost.start();
    await env.advance(60_000);
    await lost.stop();
    expect(removed).toEqual(['lost']);
    expect(await readdir(root)).toEqual(['known']);
  });

  it('stay while the pods are not known for certain', async () => {
    const { lost, removed } = bench(() => undefined);
    await lost.sweep();
    expect(removed).toEqual([]);
    expect(await readdir(root)).toEqual(['known', 'lost']);
  });

  it('stay while their volumes cannot be undone', async () => {
    const { lost } = bench(() => new Set(['known']), true);
    await lost.sweep();
    expect(await readdir(root)).toEqual(['known', 'lost']);
  });
});
