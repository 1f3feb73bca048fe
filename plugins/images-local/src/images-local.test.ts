import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { imagesContract } from '@timonel/testkit/contracts/images';
import { openImageStore } from './index.ts';
import { createRealEnv } from '@timonel/core';
import type { Logger } from '@timonel/sdk';
import { expect } from '@jest/globals';

const log: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };

imagesContract('images-local', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'timonel-img-'));
  const dataDir = join(directory, 'store');
  const open = () => openImageStore({ dataDir, env: createRealEnv(), log });
  return {
    images: await open(),
    scratchDir: directory,
    restart: open,
    close: async () => {
      const left = await readdir(join(dataDir, 'tmp'));
      const locks = (await readdir(dataDir)).filter((name) => name.startsWith('lock'));
      await rm(directory, { recursive: true, force: true });
      expect([...left, ...locks]).toEqual([]);
    },
  };
});
