import { readFile, stat } from 'node:fs/promises';
import { expect, it } from '@jest/globals';
import { until } from '../../until.ts';
import type { SuiteContext } from './suite-context.ts';

const lineCount = 5400;
/** 60 kB a second: who looks at logs twice a second keeps up with it, also when he is late. */
const script = `i=0
while [ $i -lt ${lineCount} ]; do
  i=$((i + 1)); echo "line $i"
  [ $((i % 300)) = 0 ] && sleep 0.25
done`;

interface LogFile {
  readonly inode: number;
  readonly size: number;
  readonly lines: readonly string[];
}

/** Logs at their limits. For runtimes whose commands have a shell. */
export function logTests(suite: SuiteContext): void {
  const { logLimits, shell } = suite.declared;
  const why = logLimits === undefined ? ' (skipped: this runtime does not bound its logs)' : '';

  (logLimits === undefined ? it.skip : it)(
    `rotates a log, and loses no line of the files that it keeps${why}`,
    async () => {
      const id = await suite.started(await suite.newSandbox(), shell?.(script) ?? []);
      const { logPath } = await suite.exited(id);
      let files: LogFile[] = [];
      const settled = async (): Promise<boolean> => {
        files = await filesOf(logPath);
        return files.length <= (logLimits?.logMaxFiles ?? 0);
      };
      await until(settled, { what: `the log to have as many files as it may` });
      expect(files.length).toBeGreaterThan(1);
      expect(Math.max(...files.map(({ size }) => size))).toBeLessThan(3 * (logLimits?.logMaxBytes ?? 0));
      const kept = files.flatMap(({ lines }) => lines);
      const first = Number(kept[0]?.replace('line ', ''));
      expect(first).toBeGreaterThan(1);
      expect(kept).toEqual(Array.from({ length: lineCount + 1 - first }, (_, i) => `line ${first + i}`));
    },
  );
}

/** The files of a log, the oldest first; one that has two names is one. */
async function filesOf(logPath: string): Promise<LogFile[]> {
  const files: LogFile[] = [];
  for (let number = 0; ; number += 1) {
    const path = number === 0 ? logPath : `${logPath}.${number}`;
    const found = await stat(path).catch(() => undefined);
    if (found === undefined && number > 0) return files.toReversed();
    if (found === undefined || files.some(({ inode }) => inode === found.ino)) continue;
    const rows = (await readFile(path, 'utf8')).split('\n').slice(0, -1);
    files.push({ inode: found.ino, size: found.size, lines: rows.map((row) => row.split(' ').slice(3).join(' ')) });
  }
}
