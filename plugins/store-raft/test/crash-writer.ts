/**
 * Writes until it is killed, and prints each acknowledged write: `<revision> <key> <value>`. Program of the crash test.
 * Arguments: data directory, round.
 */
import { createRealEnv, keepProcessAlive } from '@timonel/core/env';
import { configOf } from '../src/config.ts';
import { RaftStore } from '../src/raft-store.ts';
import { printLine } from './print-line.ts';
import { silentLogger } from './silent-logger.ts';

// LMDB's threads do not.
keepProcessAlive();
const [dataDir = '', round = ''] = process.argv.slice(2);
const store = await RaftStore.open({
  env: createRealEnv(),
  log: silentLogger,
  dataDir,
  // Compaction and the cutting of the log are at work while it is killed.
  config: configOf({ compaction: { retainRevisions: 200, retainMs: 1, maxRevisions: 400, checkMs: 10 } }),
  onFailure: (error) => {
    throw error;
  },
});
printLine('ready');

async function write(writer: number): Promise<void> {
  for (let at = 0; ; at++) {
    const key = `w${writer}/${at % 50}`;
    const value = `${round}-${at}`;
    const success = [
      { op: 'put' as const, key, value: Buffer.from(value) },
      { op: 'put' as const, key: `${key}/twin`, value: Buffer.from(value) },
    ];
    const { revision } = await store.txn({ compare: [], success });
    printLine(`${revision} ${key} ${value}`);
  }
}
await Promise.all([0, 1, 2, 3, 4, 5, 6, 7].map(write));
