import { getEventListeners } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { manualEnv } from '@timonel/testkit';
import { ApiError, type KubeObject } from '../kube/index.ts';
import { ApiContact } from './api-contact.ts';

interface Bed {
  readonly contact: ApiContact;
  /** Lets time pass, the answers come in. */
  pass(ms: number): Promise<void>;
  answer: 'object' | 'none' | 'absent' | 'never';
  now(): number;
}

function bed(answer: Bed['answer'] = 'object'): Bed {
  const env = manualEnv();
  const stop = new AbortController();
  const api = {
    get: async (): Promise<never> => {
      if (self.answer === 'never') await new Promise(() => undefined);
      if (self.answer === 'none') throw new ApiError('NotFound', 'there is none');
      if (self.answer === 'absent') throw new ApiError('ServiceUnavailable', 'no quorum');
      return { metadata: {} } as KubeObject as never;
    },
  };
  const self: Bed = {
    answer,
    contact: undefined as unknown as ApiContact,
    pass: (ms) => env.advance(ms),
    now: () => env.clock.monotonic(),
  };
  return Object.assign(self, { contact: new ApiContact({ env, signal: stop.signal }, api) });
}

describe('the contact with the API', () => {
  it('begins with the first answer, of whatever kind', async () => {
    for (const answer of ['object', 'none'] as const) {
      const b = bed(answer);
      const startMs = b.now();
      await b.pass(60_000);
      expect(b.contact.sinceMs()).toBeLessThanOrEqual(startMs + 5000);
    }
  });

  it('leaves nothing behind on the signal of its host', async () => {
    const env = manualEnv();
    const { signal } = new AbortController();
    const contact = new ApiContact({ env, signal }, { get: () => Promise.resolve({ metadata: {} } as never) });
    await env.advance(60_000);
    expect(contact.sinceMs()).toBeLessThan(env.clock.monotonic());
    expect(getEventListeners(signal, 'abort').length).toBeLessThanOrEqual(1);
    // Where the runtime keeps the signals that were made of this one.
    const dependants = Object.getOwnPropertySymbols(signal).find(({ description }) =>
      description?.startsWith('kDependantSignals'),
    );
    const kept = dependants === undefined ? undefined : (signal as unknown as Record<symbol, Set<unknown>>)[dependants];
    expect(kept?.size ?? 0).toBe(0);
  });

  it('is none while nothing answers', async () => {
    const b = bed('absent');
    await b.pass(60_000);
    expect(b.contact.sinceMs()).toBe(b.now());
  });

  it('outlives a short gap, and begins anew after a long one', async () => {
    const b = bed();
    await b.pass(10_000);
    const sinceMs = b.contact.sinceMs();
    b.answer = 'absent';
    await b.pass(10_000);
    b.answer = 'object';
    await b.pass(10_000);
    expect(b.contact.sinceMs()).toBe(sinceMs);
    b.answer = 'absent';
    await b.pass(30_000);
    expect(b.contact.sinceMs()).toBe(b.now());
    b.answer = 'object';
    const backMs = b.now();
    await b.pass(30_000);
    expect(b.contact.sinceMs()).toBeGreaterThanOrEqual(backMs);
    expect(b.contact.sinceMs()).toBeLessThanOrEqual(backMs + 5000);
  });

  it('ends with an answer that does not come, and begins anew when others do', async () => {
    const b = bed();
    await b.pass(10_000);
    b.answer = 'never';
    await b.pass(60_000);
    expect(b.contact.sinceMs()).toBe(b.now());
    b.answer = 'object';
    const backMs = b.now();
    await b.pass(30_000);
    expect(b.contact.sinceMs()).toBeLessThanOrEqual(backMs + 6000);
  });

  it('begins soon after the API does', async () => {
    const b = bed('absent');
    await b.pass(7000);
    b.answer = 'object';
    const upMs = b.now();
    await b.pass(7000);
    expect(b.contact.sinceMs()).toBeLessThanOrEqual(upMs + 1000);
  });
});
