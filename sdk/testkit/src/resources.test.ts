import { closeSync, openSync } from 'node:fs';
import { createServer } from 'node:net';
import { createRealEnv } from '@timonel/core';
import { describe, expect, it } from '@jest/globals';
import { countingEnv } from './counting-env.ts';
import { captureResources, compareResources } from './resources.ts';
import { until } from './until.ts';

describe('the leak check', () => {
  it('sees an open file, a listener and a server, and that they are gone', async () => {
    const before = captureResources();
    const leaks = (): string[] => compareResources(before, captureResources());
    expect(leaks()).toEqual([]);
    const file = openSync(import.meta.filename, 'r');
    const listener = (): void => undefined;
    process.on('SIGUSR2', listener);
    const server = createServer();
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    expect(leaks().join('\n')).toMatch(
      /handles: TCPServerWrap[^]*files: .*resources\.test\.ts \(0 before, 1 now\)[^]*listeners: SIGUSR2/,
    );
    closeSync(file);
    process.off('SIGUSR2', listener);
    server.close();
    await until(() => leaks().length === 0, { what: 'everything to be closed' });
  });

  it('counts running timers, also unreferenced ones', async () => {
    const env = countingEnv(createRealEnv());
    const timer = env.timers.every(1000, () => undefined);
    env.timers.after(1, () => undefined);
    expect(env.runningTimers).toBe(2);
    await until(() => env.runningTimers === 1, { what: 'the short timer to fire' });
    timer.cancel();
    expect(env.runningTimers).toBe(0);
  });
});

describe('until', () => {
  it('gives the value, or names what it waited for with the last error as cause', async () => {
    let tries = 0;
    expect(await until(() => ++tries > 2 && 'done', { what: 'tries', intervalMs: 1 })).toBe('done');
    const failing = until(() => Promise.reject(new Error('not yet')), { what: 'the impossible', timeoutMs: 20 });
    await expect(failing).rejects.toMatchObject({
      message: 'waited 20 ms in vain for the impossible',
      cause: expect.objectContaining({ message: 'not yet' }),
    });
  });
});
