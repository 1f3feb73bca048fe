/** The end of a container while somebody who is attached does not read: the log has it all. */
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import { until } from '@timonel/testkit';
import { Bed } from './testing/bed.ts';

const bed = new Bed(createRealEnv());
beforeAll(() => bed.open(), 60_000);
afterEach(() => bed.removeAll());
afterAll(() => bed.close());

const lineBytes = 32_768;
const lineLimit = 200;

it('gets into the log although a reader is behind', async () => {
  const script = `while read -r n && [ "$n" != end ]; do printf "%0${lineBytes - 1}d\\n" "$n"; done; printf last; exit 3`;
  const id = await bed.started(await bed.sandbox(), ['sh', '-c', script], { stdin: true });
  const slow = await bed.runtime.attach(id, { stdin: true });
  const logPath = (await bed.runtime.containerStatus(id))?.logPath ?? '';
  const logged = (text: string): Promise<boolean> =>
    until(() => readFileSync(logPath, 'utf8').includes(text), { what: text, timeoutMs: 500 }).catch(() => false);
  let line = 1000;
  do {
    line += 1;
    slow.stdin?.write(`${line}\n`);
  } while ((await logged(`${line}\n`)) && line < 1000 + lineLimit);
  expect(line).toBeLessThan(1000 + lineLimit); // it is held: the rest stays in the pipe
  slow.stdin?.write('end\n');
  const { stdout, exitCode } = await bed.result(id);
  expect(exitCode).toBe(3);
  expect(await slow.exited).toBe(3);
  expect(stdout.trimEnd().endsWith('last')).toBe(true);
  expect(stdout).toContain(`${line}\n`);
  slow.kill();
});
