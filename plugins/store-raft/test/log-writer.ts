/**
 * Appends to a Raft log until it is killed, and prints the last index of each acknowledged append. Program of the log's
 * crash test. Argument: the directory.
 */
import { createRealEnv, keepProcessAlive } from '@timonel/core/env';
import { openRaftLog } from '../src/log/raft-log.ts';
import { founded } from '../src/log/testing/log-model.ts';
import { crashEntries, crashSegmentBytes } from '../src/log/testing/crash-entries.ts';
import { printLine } from './print-line.ts';
import { silentLogger } from './silent-logger.ts';

keepProcessAlive();
const [directory = ''] = process.argv.slice(2);
const env = createRealEnv();
const log = await openRaftLog({
  directory,
  newGroup: founded,
  env,
  log: silentLogger,
  segmentBytes: crashSegmentBytes,
});
const { base, entries } = log.recovered;
let last = base.index + entries.length;
printLine(`${last}`);

let dropping: Promise<void> = Promise.resolve();
for (;;) {
  const count = 1 + env.random.int(20);
  await log.append([{ hardState: { term: last + count, votedFor: 'a' }, entries: crashEntries(last + 1, count) }]);
  last += count;
  printLine(`${last}`);
  if (env.random.int(10) > 0) continue;
  // Beside the appends that follow.
  await dropping;
  dropping = log.dropUpTo({ ...founded, index: last - 15, term: 1 });
}
