import { readFile } from 'node:fs/promises';
import { expect, it } from '@jest/globals';
import type { ExecSession } from '@timonel/sdk/contracts/runtime';
import type { SuiteContext } from './suite-context.ts';

// The time is of any zone: conmon writes +00:00 where others write Z. Go leaves out zeros at the end of a fraction.
const criLine = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d) (stdout|stderr) ([FP]) (.*)$/;

export function outputTests(suite: SuiteContext): void {
  const { print, copyInput } = suite.declared;

  (print === undefined ? it.skip : it)(`writes logs in the CRI format${reason(print, 'logs')}`, async () => {
    const sandbox = await suite.newSandbox();
    const command = suite.commands.print?.('to the left', 'to the right') ?? [];
    const config = suite.container(sandbox, suite.newId(), command, { attempt: 3 });
    await suite.runtime.createContainer(config);
    await suite.runtime.startContainer(config.id);
    const { logPath } = await suite.exited(config.id);
    expect(logPath).toBe(`${suite.logDirectory}/${config.name}/3.log`);
    const lines = (await readFile(logPath, 'utf8')).trimEnd().split('\n');
    const parsed = lines.map((line) => criLine.exec(line)?.slice(1).join(' '));
    expect(new Set(parsed)).toEqual(new Set(['stdout F to the left', 'stderr F to the right']));
    expect(parsed).toHaveLength(2);
    await suite.runtime.removeContainer(config.id);
    expect((await readFile(logPath, 'utf8')).trimEnd().split('\n')).toEqual(lines);
  });

  (copyInput === undefined ? it.skip : it)(`runs a command beside the first${reason(copyInput, 'exec')}`, async () => {
    const sandbox = await suite.newSandbox();
    const id = await suite.started(sandbox, suite.commands.run);
    const command = suite.commands.copyInput ?? [];
    const session = await suite.runtime.exec(id, { command, tty: false, stdin: true });
    const output = text(session);
    session.stdin?.end('one\ntwo\n');
    expect(await session.exited).toBe(3);
    expect(await output).toBe('one\ntwo\n');
    expect((await suite.runtime.containerStatus(id))?.state).toBe('running');
  });

  (copyInput === undefined ? it.skip : it)(
    `kills a session without its container${reason(copyInput, 'exec')}`,
    async () => {
      const sandbox = await suite.newSandbox();
      const id = await suite.started(sandbox, suite.commands.run);
      const session = await suite.runtime.exec(id, { command: suite.commands.run, tty: false, stdin: false });
      session.kill();
      expect(await session.exited).not.toBe(0);
      expect((await suite.runtime.containerStatus(id))?.state).toBe('running');
    },
  );

  it('refuses a session in a container that is absent or has ended', async () => {
    const sandbox = await suite.newSandbox();
    const id = await suite.started(sandbox, suite.commands.exit(0));
    await suite.exited(id);
    const options = { command: suite.commands.run, tty: false, stdin: false };
    await expect(suite.runtime.exec(id, options)).rejects.toMatchObject({ name: 'RuntimeError' });
    await expect(suite.runtime.exec('never-made', options)).rejects.toMatchObject({ name: 'RuntimeError' });
  });
}

function reason(feature: unknown, name: string): string {
  return feature === undefined ? ` (skipped: this runtime has no ${name})` : '';
}

async function text(session: ExecSession): Promise<string> {
  let all = '';
  for await (const chunk of session.stdout) all += String(chunk);
  return all;
}
