import { describe, expect, it } from '@jest/globals';
import type { PodNetwork } from '@timonel/sdk/contracts/network';
import { createRecordingLogger, manualEnv, until } from '@timonel/testkit';
import { sandbox } from '../plan/testing.ts';
import { RuntimeLists } from './runtime-lists.ts';
import type { Listing, Runtimes } from './runtimes.ts';

const held = { handler: 'linux', podUid: 'u', sandboxes: [sandbox({ id: 'held' })], containers: [] };

function bench(listings: readonly Listing[]) {
  const env = manualEnv();
  const log = createRecordingLogger();
  const retained: (readonly string[])[] = [];
  const network: Partial<PodNetwork> = { retain: async (ids) => (retained.push(ids), 0) };
  let names: readonly string[] = [];
  let count = 0;
  const list = async (): Promise<Listing> => {
    const next = listings[Math.min(count, listings.length - 1)] ?? listing([]);
    count += 1;
    names = [...next.listed];
    return next;
  };
  const runtimes = { list, names: () => names } as unknown as Runtimes;
  const changes: boolean[] = [];
  const lists = new RuntimeLists({
    services: { env, log, network: network as PodNetwork },
    runtimes,
    intervalMs: 10_000,
    former: [
      { handler: 'linux', sandboxes: ['over'] },
      { handler: 'crun', sandboxes: ['left'] },
    ],
    ownSandboxes: () => ['own'],
    onEvent: () => undefined,
    listed: (_listing, changed) => void changes.push(changed),
  });
  return { env, log, retained, changes, lists };
}

const listing = (listed: readonly string[], failed: Record<string, string> = {}): Listing => ({
  holdings: [held],
  listed: new Set(listed),
  failed: new Map(Object.entries(failed)),
});

describe('lists of the runtimes', () => {
  it('drop attachments once all runtimes were heard, and none of a runtime that is not there', async () => {
    const { env, log, retained, changes, lists } = bench([
      listing(['linux'], { slow: 'no answer' }),
      listing(['linux'], { slow: 'no answer' }),
      listing(['linux', 'slow']),
    ]);
    lists.now();
    await until(() => changes.length === 1, { what: 'the first list' });
    expect(retained).toEqual([]);
    await env.advance(500);
    await env.advance(500);
    await until(() => changes.length === 3, { what: 'the third list' });
    expect(retained).toEqual([['held', 'own', 'left']]);
    expect(changes).toEqual([true, false, true]);
    expect(log.lines.filter(({ level }) => level === 'warn')).toMatchObject([
      { fields: { failed: 'slow: no answer' } },
    ]);
    await env.advance(10_000);
    await until(() => changes.length === 4, { what: 'the next list' });
    expect(retained).toHaveLength(1);
    await lists.stop();
  });

  it('are made again when something changes during one', async () => {
    const { changes, lists } = bench([listing(['linux'])]);
    lists.now();
    lists.now();
    lists.now();
    await until(() => changes.length === 2, { what: 'the list after the first' });
    expect(changes).toEqual([true, false]);
    await lists.stop();
  });
});
