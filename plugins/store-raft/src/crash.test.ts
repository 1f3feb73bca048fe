import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core/env';
import { configOf } from './config.ts';
import { RaftStore } from './raft-store.ts';
import { silentLogger } from '../test/silent-logger.ts';

const rounds = 6;

describe('kill -9 while it writes', () => {
  let dataDir = '';
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'timonel-store-raft-crash-'));
  });
  afterEach(() => rm(dataDir, { recursive: true, force: true }));

  it('keeps every acknowledged write, whole, and goes on counting', async () => {
    const acknowledged = new Map<string, { revision: number; value: string }>();
    let highest = 1;
    for (let round = 0; round < rounds; round++) {
      const lines = await writeUntilKilled(dataDir, round, 20 + Math.random() * 400);
      expect(lines.length).toBeGreaterThan(0);
      for (const line of lines) {
        const [revision = '', key = '', value = ''] = line.split(' ');
        acknowledged.set(key, { revision: Number(revision), value });
        highest = Math.max(highest, Number(revision));
      }
      const store = await openStore(dataDir);
      const { kvs, revision } = await store.range({ prefix: '' });
      expect(revision).toBeGreaterThanOrEqual(highest);
      const state = new Map(kvs.map((kv) => [kv.key, kv]));
      for (const [key, { revision: written, value }] of acknowledged) {
        const kv = state.get(key);
        // A later write may have been under way, whose acknowledgement was never printed.
        if (kv?.modRevision === written) expect(Buffer.from(kv.value).toString()).toBe(value);
        else expect(kv?.modRevision ?? 0).toBeGreaterThan(written);
        expect(state.get(`${key}/twin`)?.modRevision).toBe(kv?.modRevision);
      }
      highest = revision;
      await store.close();
    }
  }, 120_000);
});

function openStore(dataDir: string): Promise<RaftStore> {
  return RaftStore.open({
    env: createRealEnv(),
    log: silentLogger,
    dataDir,
    config: configOf({}),
    onFailure: (error) => {
      throw error;
    },
  });
}

/** Lines that the writer had printed, whole, when it was killed `delayMs` after it was ready. */
function writeUntilKilled(dataDir: string, round: number, delayMs: number): Promise<string[]> {
  const program = join(import.meta.dirname, '../test/crash-writer.ts');
  const args = ['--conditions', 'timonel-source', '--import', 'tsx', program, dataDir, `${round}`];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let errors = '';
    let armed = false;
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      if (armed || output.split('\n').length < 3) return;
      armed = true;
      setTimeout(() => child.kill('SIGKILL'), delayMs);
    });
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    child.on('close', (code, signal) => {
      if (signal === 'SIGKILL') resolve(output.split('\n').slice(1, -1));
      else reject(new Error(`the writer ended by itself with ${code ?? signal}: ${errors}`));
    });
  });
}
