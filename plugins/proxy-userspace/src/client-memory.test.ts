import { expect, it } from '@jest/globals';
import { createSimulatedEnv } from '@timonel/core';
import type { Backend } from '@timonel/sdk/contracts/proxy';
import { ClientMemory } from './client-memory.ts';

const backend = (number: number): Backend => ({ address: `10.1.0.${number}`, port: 80, nodeName: undefined });
const [one, two] = [backend(1), backend(2)];

it('of more clients than are remembered, those seen last are', () => {
  const memory = new ClientMemory(createSimulatedEnv({ seed: 1 }));
  memory.update([one], 60);
  const client = (number: number): string => `192.0.2.1-${number}`;
  for (let number = 0; number < 10_000; number++) memory.remember(client(number), one);
  memory.remember(client(0), one);
  memory.remember(client(10_000), one);
  expect([0, 1, 2, 10_000].map((number) => memory.find(client(number), [one]))).toEqual([one, undefined, one, one]);
});

it('a backend that goes takes only its clients along, and one that is new has none', () => {
  const memory = new ClientMemory(createSimulatedEnv({ seed: 1 }));
  memory.update([one, two], 60);
  memory.remember('a', one);
  memory.remember('b', two);
  memory.update([two], 60);
  memory.remember('c', one);
  memory.update([one, two], 60);
  expect(['a', 'b', 'c'].map((client) => memory.find(client, [one, two]))).toEqual([undefined, two, undefined]);
});
