import { describe, expect, it } from '@jest/globals';
import { CommandError, failureText, mustRun, run } from './index.ts';

describe('run', () => {
  it('answers status and output, feeds the input, and uses no shell', async () => {
    expect(await run('cat', ['-'], 'a\nb')).toEqual({ status: 0, stdout: 'a\nb', stderr: '' });
    expect(await run('echo', ['$HOME; exit 3'])).toMatchObject({ status: 0, stdout: '$HOME; exit 3\n' });
    expect(await run('sh', ['-c', 'echo no >&2; exit 3'])).toEqual({ status: 3, stdout: '', stderr: 'no\n' });
  });

  it('answers -1 for a program that a signal ended', async () => {
    expect(await run('sh', ['-c', 'kill -9 $$'])).toMatchObject({ status: -1 });
  });

  it('is not disturbed by a program that reads nothing of its input', async () => {
    expect(await run('true', [], 'x'.repeat(4 * 1024 * 1024))).toMatchObject({ status: 0 });
  });

  it('drops output beyond its limit', async () => {
    const { stdout } = await run('head', ['-c', String(40 * 1024 * 1024), '/dev/zero']);
    expect(stdout.length).toBeGreaterThanOrEqual(16 * 1024 * 1024);
    expect(stdout.length).toBeLessThan(17 * 1024 * 1024);
  });

  it('rejects with CommandError when there is no such program', async () => {
    const attempt = run('timonel-no-such-program', []);
    await expect(attempt).rejects.toMatchObject({ name: 'CommandError', result: undefined });
    await expect(attempt).rejects.toThrow('timonel-no-such-program cannot be run: spawn');
  });

  it('asks programs for messages in English, and looks in the places of system programs', async () => {
    const { stdout } = await run('sh', ['-c', 'echo $LC_ALL $PATH']);
    expect(stdout).toMatch(/^C .*:\/usr\/local\/sbin:\/usr\/sbin:\/sbin\n$/);
    expect(await run('sh', ['-c', 'echo $PATH'], '', '/bin:/only')).toMatchObject({ stdout: '/bin:/only\n' });
  });
});

describe('mustRun', () => {
  it('answers what was printed', async () => {
    expect(await mustRun('echo', ['yes'])).toBe('yes\n');
  });

  it('rejects with status and message', async () => {
    const attempt = mustRun('sh', ['-c', 'echo one >&2; echo two >&2; exit 4']);
    await expect(attempt).rejects.toThrow('sh failed with status 4: one; two');
    await expect(attempt).rejects.toMatchObject({ name: 'CommandError', program: 'sh', result: { status: 4 } });
  });

  it('says so when there is no message, and shortens a long one', async () => {
    expect(failureText('it', { status: 1, stdout: '', stderr: '' })).toBe('it failed with status 1: no message');
    const long = failureText('it', { status: 1, stdout: '', stderr: `${'x'.repeat(100)}\n`.repeat(50) });
    expect(long.length).toBeLessThan(1050);
    expect(new CommandError('it', long).message).toBe(long);
  });
});
