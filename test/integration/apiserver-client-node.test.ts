/** The official client library for Node.js against the API server; what is checked is in ../support/client-node-checks.ts. */
import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import { MemoryStore } from '../../plugins/store-memory/src/memory-store.ts';
import { startApiServer } from '../support/api-server.ts';

const support = join(import.meta.dirname, '..', 'support');
const program = join(support, 'client-node-checks.ts');
const execArgv = ['--import', join(support, 'newer-node.mjs'), '--import', 'tsx'];
let child: ChildProcess | undefined;

afterAll(() => {
  child?.kill('SIGKILL');
});

it('informers, watches, patches, apply and pages work as clients know them', async () => {
  const store = new MemoryStore(createRealEnv());
  const server = await startApiServer({
    store,
    apiserver: { limits: { eventHistory: 20 }, timing: { bookmarkPeriodMs: 500 } },
  });
  try {
    const started = fork(program, [server.kubeconfig], { execArgv, silent: true });
    child = started;
    let output = '';
    let errors = '';
    started.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
    started.stderr?.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    started.on('message', () => {
      void store
        .status()
        .then(({ revision }) => store.compact(revision))
        .then(() => started.send('done'));
    });
    const code = await new Promise((resolve) => started.once('close', resolve));
    const results = output
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as { name: string; problem?: string });
    expect({ code, errors, failed: results.filter(({ problem }) => problem !== undefined) }).toEqual({
      code: 0,
      errors: '',
      failed: [],
    });
    expect(results).toHaveLength(11);
  } finally {
    await server.stop();
    store.close();
  }
}, 120_000);
