import { afterEach, describe, expect, it } from '@jest/globals';
import { createSimulatedEnv } from '@timonel/sdk';
import { LinkShell } from './link-shell.ts';
import { timers } from './testing/bed.ts';

describe('LinkShell', () => {
  let shell = new LinkShell(timers);
  afterEach(() => shell.close());

  it('runs scripts one after the other in one shell, and tells their ends apart', async () => {
    const results = await Promise.all([shell.run('echo $$; (exit 3)'), shell.run('echo $$ >&2'), shell.run('cat')]);
    expect(results.map(({ status }) => status)).toEqual([3, 0, 0]);
    expect(results[0]?.stderr).toMatch(/^\d+\n$/);
    expect(results[1]?.stderr).toBe(results[0]?.stderr);
  });

  it('is not confused by much output, nor by a last line without an end', async () => {
    const { status, stderr } = await shell.run('head -c 300000 /dev/zero | tr "\\0" x; exec 3>&1; printf end');
    expect({ status, end: stderr.slice(-4) }).toEqual({ status: 0, end: 'xend' });
    expect(stderr.length).toBeLessThanOrEqual(65_536);
  });

  it('says when the shell has ended, and goes on with a new one', async () => {
    const [ended, next] = await Promise.allSettled([shell.run('echo last words; exit 7'), shell.run('true')]);
    expect(ended).toMatchObject({ reason: { code: 'COMMAND_FAILED', message: expect.stringContaining('last words') } });
    expect(next).toMatchObject({ value: { status: 0 } });
  });

  it('ends a script that hangs, with what it has begun', async () => {
    const env = createSimulatedEnv({ seed: 1 });
    shell = new LinkShell(env.timers);
    const hung = shell.run('echo $$; sleep 1000');
    const outcome = expect(hung).rejects.toThrow(/took more than 30 s/);
    await env.advance(30_001);
    await outcome;
    expect((await shell.run('echo fresh')).stderr).toBe('fresh\n');
  });

  it('says when there is no shell', async () => {
    const path = process.env['PATH'];
    process.env['PATH'] = '/nowhere';
    shell = new LinkShell(timers);
    await expect(shell.run('true')).rejects.toThrow(/ENOENT/);
    process.env['PATH'] = path;
  });
});
