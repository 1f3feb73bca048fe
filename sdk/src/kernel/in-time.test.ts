import { expect, it } from '@jest/globals';
import { manualEnv } from '@timonel/testkit';
import { InTime } from './in-time.ts';

const never = new Promise<never>(() => undefined);

it('passes answers and failures on, and ends what takes too long', async () => {
  const env = manualEnv();
  const inTime = new InTime(env, new AbortController().signal, 1000);
  expect(await inTime.wait(Promise.resolve(7))).toEqual({ value: 7 });
  expect(await inTime.wait(Promise.reject(new Error('no')))).toEqual({ error: 'no' });
  const waited = inTime.wait(never);
  await env.advance(1000);
  expect(await waited).toEqual({ error: 'no answer within 1000 ms' });
});

it('ends with the plugin', async () => {
  const stop = new AbortController();
  const inTime = new InTime(manualEnv(), stop.signal, 1000);
  const waited = inTime.wait(never);
  stop.abort();
  expect(await waited).toEqual({ error: 'the plugin ends' });
  expect(await inTime.wait(never)).toEqual({ error: 'the plugin ends' });
});
