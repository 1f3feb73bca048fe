/**
 * One member of a group that writes until it is killed, and prints each acknowledged write: `ok KEY REVISION`. Program of the test that
 * kills members of a group. Arguments: a JSON file with directory and configuration, the number of this life.
 */
import { readFileSync } from 'node:fs';
import { createRealEnv, keepProcessAlive } from '@timonel/core/env';
import { configOf, type RaftStoreConfigInput } from '../src/config.ts';
import { RaftStore } from '../src/raft-store.ts';
import { printLine } from './print-line.ts';
import { silentLogger } from './silent-logger.ts';

keepProcessAlive();
const [settingsFile = '', life = ''] = process.argv.slice(2);
interface Settings {
  readonly dataDir: string;
  readonly config: RaftStoreConfigInput;
}
const { dataDir, config } = JSON.parse(readFileSync(settingsFile, 'utf8')) as Settings;
const store = await RaftStore.open({
  env: createRealEnv(),
  log: silentLogger,
  dataDir,
  config: configOf(config),
  onFailure: (error) => {
    printLine(`failed ${String(error)}`);
    process.exit(3);
  },
});

async function write(writer: number): Promise<void> {
  const counter = `counter/${writer}`;
  for (let at = 0; ; at++) {
    const key = `w/${config.cluster?.name}-${life}-${writer}-${at}`;
    try {
      const { kv } = await store.get(counter);
      const value = Buffer.from(`${Number(Buffer.from(kv?.value ?? []).toString() || '0') + 1}`);
      // The key and the step of the counter happen together, or neither.
      const { succeeded, revision } = await store.txn({
        compare: [{ key: counter, modRevision: kv?.modRevision ?? 0 }],
        success: [
          { op: 'put', key, value: Buffer.alloc(2_000, 'v') },
          { op: 'put', key: counter, value },
        ],
      });
      if (succeeded) printLine(`ok ${key} ${revision}`);
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

// Those of all members step the same counters.
await Promise.all([1, 2, 3, 4].map((writer) => write(writer)));
