import { describe, expect, it } from '@jest/globals';
import { createSimulatedEnv } from '@timonel/sdk';
import { progressStream, type LinedWork } from './progress-stream.ts';

const failure = (error: unknown): unknown => ({ error: (error as Error).message });

function lines(run: LinedWork['run'], signal = new AbortController().signal, env = createSimulatedEnv({ seed: 1 })) {
  return progressStream({ run, failure }, env, signal);
}

async function all(stream: AsyncIterable<Uint8Array>): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const piece of stream) found.push(JSON.parse(Buffer.from(piece).toString()));
  return found;
}

describe('progressStream', () => {
  it('ends with the result, or with what failed', async () => {
    expect(await all(lines(async () => ({ done: 1 })))).toEqual([{ done: 1 }]);
    expect(await all(lines(() => Promise.reject(new Error('no'))))).toEqual([{ error: 'no' }]);
  });

  it('keeps of what nobody has read yet the newest alone', async () => {
    const stream = lines(async (report) => {
      for (let i = 0; i < 1000; i++) report(i);
      return 'end';
    });
    expect(await all(stream)).toEqual([999, 'end']);
  });

  it('repeats the newest in silence', async () => {
    const env = createSimulatedEnv({ seed: 1 });
    let finish: (value: unknown) => void = () => undefined;
    const stream = lines(
      (report) => {
        report('slow');
        return new Promise((resolve) => (finish = resolve));
      },
      new AbortController().signal,
      env,
    );
    const read = all(stream);
    await env.advance(11_000);
    finish('end');
    expect(await read).toEqual(['slow', 'slow', 'slow', 'end']);
  });

  it('ends the work when whoever listens goes away', async () => {
    let ended = false;
    const stream = lines((report, signal) => {
      report('begun');
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          ended = true;
          reject(signal.reason as Error);
        });
      });
    });
    await stream.next();
    await stream.return(undefined);
    expect(ended).toBe(true);
  });
});
