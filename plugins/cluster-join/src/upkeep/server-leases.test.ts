import { describe, expect, it } from '@jest/globals';
import type { Env } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { ApiError, type Lease } from '@timonel/sdk/kube';
import { ServerLeases } from './server-leases.ts';

const periodMs = 3000;

/** Servers that see the same Leases; each has a clock, so that none relies on those of others. */
class Servers {
  readonly leases = new Map<string, Lease>();
  nowMs = 0;

  server(name: string, own: { url: string; endpoint?: string }, aheadMs = 0): ServerLeases {
    const clock = {
      now: () => this.nowMs + aheadMs,
      monotonic: () => this.nowMs + aheadMs,
      microTimestamp: () => new Date(this.nowMs + aheadMs).toISOString(),
    };
    return new ServerLeases(this.#api(), { clock } as unknown as Env, { name, memberId: name, ...own }, periodMs);
  }

  #api(): ApiClient {
    const api = {
      list: async () => ({ items: [...this.leases.values()] }),
      create: async (_: unknown, lease: Lease) => void this.leases.set(lease.metadata.name ?? '', lease),
      patch: async (_: unknown, { name }: { name: string }, { body }: { body: Lease }) => {
        const before = this.leases.get(name);
        if (before === undefined) throw new ApiError('NotFound', 'there is none');
        const all = Object.entries({ ...before.metadata.annotations, ...body.metadata.annotations });
        // A merge patch: null removes.
        const annotations = Object.fromEntries(all.filter(([, value]) => value !== null));
        this.leases.set(name, {
          ...before,
          metadata: { ...before.metadata, annotations },
          ...(body.spec && { spec: body.spec }),
        });
      },
      delete: async (_: unknown, { name }: { name: string }) => void this.leases.delete(name),
    };
    return api as unknown as ApiClient;
  }
}

describe('the servers that are there', () => {
  it('come with their first beat, go after four that they missed, and at once when they say so', async () => {
    const all = new Servers();
    const [a, b, c] = ['a', 'b', 'c'].map((name, index) =>
      all.server(name, { url: `https://10.0.0.${index + 1}` }, index * 1_000_000),
    ) as [ServerLeases, ServerLeases, ServerLeases];
    for (const one of [c, b, a]) await one.beat();
    expect(a.current()).toEqual(['https://10.0.0.1', 'https://10.0.0.2', 'https://10.0.0.3']);
    await c.leave();
    await a.beat();
    expect(a.current()).toEqual(['https://10.0.0.1', 'https://10.0.0.2']);
    all.nowMs += 4 * periodMs;
    await a.beat();
    expect(a.current()).toHaveLength(2);
    all.nowMs += 1;
    expect(a.current()).toEqual(['https://10.0.0.1']);
    await b.beat();
    await a.beat();
    expect(a.current()).toHaveLength(2);
  });

  it('are found by address, where their URL has a name', async () => {
    const all = new Servers();
    const a = all.server('a', { url: 'https://a.example', endpoint: 'https://10.0.0.1' });
    const b = all.server('b', { url: 'https://10.0.0.2' });
    for (const one of [a, b, b]) await one.beat();
    expect(b.current()).toEqual(['https://10.0.0.2', 'https://a.example']);
    expect(b.endpoints()).toEqual(['https://10.0.0.1', 'https://10.0.0.2']);
    await all.server('a', { url: 'https://10.0.0.9' }).beat();
    await b.beat();
    expect(b.endpoints()).toEqual(['https://10.0.0.2', 'https://10.0.0.9']);
  });
});
