import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { until } from '@timonel/testkit';
import { pauseArchive } from './pause-image.ts';
import { pauseProgram } from './pause-program.ts';

const ofThisMachine = { x64: 'amd64', arm64: 'arm64' }[process.arch as 'x64'];

it('the program waits, ignores the ends of children, and ends by a signal', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'timonel-rc-pause-'));
  const path = join(directory, 'pause');
  writeFileSync(path, pauseProgram(ofThisMachine), { mode: 0o755 });
  const child = spawn(path, { stdio: 'ignore' });
  const exited = once(child, 'exit');
  try {
    const status = (): string => readFileSync(`/proc/${child.pid}/status`, 'utf8');
    // SIGCHLD is the 17th signal.
    await until(() => /^SigIgn:\s*0*10000$/m.test(status()), { what: 'it to ignore SIGCHLD' });
    await until(() => /^State:\s*S/m.test(status()), { what: 'it to wait' });
  } finally {
    child.kill('SIGTERM');
    rmSync(directory, { recursive: true });
  }
  expect(await exited).toEqual([null, 'SIGTERM']);
});

it.each([
  ['amd64', 62],
  ['arm64', 183],
])('the program for %s is a whole executable', (architecture, machine) => {
  const program = pauseProgram(architecture);
  expect([program.readUInt16LE(18), Number(program.readBigUInt64LE(96))]).toEqual([machine, program.length]);
});

it('the image is the same each time, and there is none for other machines', () => {
  expect(pauseArchive('arm64').equals(pauseArchive('arm64'))).toBe(true);
  expect(pauseArchive('amd64').equals(pauseArchive('arm64'))).toBe(false);
  expect(() => pauseArchive('s390x')).toThrow('set sandbox_image of containerd to one of your own');
});
