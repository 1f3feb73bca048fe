import { expect, it } from '@jest/globals';
import { createSimulatedEnv } from '@timonel/core/env';
import { LateWriter } from './late-writer.ts';

it('writes the first change at once, the next ones together after a while, and the last at the end', async () => {
  const env = createSimulatedEnv({ seed: 1 });
  const written: string[] = [];
  let value = 'a';
  const writer = new LateWriter({ env, delayMs: 1000, write: async () => void written.push(value) });
  writer.touch();
  await env.advance(0);
  expect(written).toEqual(['a']);
  for (const next of ['b', 'c']) {
    value = next;
    writer.touch();
    await env.advance(400);
  }
  expect(written).toEqual(['a']);
  await env.advance(600);
  expect(written).toEqual(['a', 'c']);
  value = 'd';
  writer.touch();
  await writer.close();
  expect(written).toEqual(['a', 'c', 'd']);
});
