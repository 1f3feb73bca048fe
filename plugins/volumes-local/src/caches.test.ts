import { describe, expect, it } from '@jest/globals';
import type { Informers } from '@timonel/sdk/controller';
import { cachesAt } from './caches.ts';

describe('the room of a node', () => {
  it('is given back when a volume goes that no look at the cache has shown', () => {
    const gone: ((object: unknown) => void)[] = [];
    const informer = {
      byIndex: () => [],
      addHandler: ({ deleted }: { readonly deleted?: (object: unknown) => void }) => deleted && gone.push(deleted),
    };
    const informers = { for: () => informer } as unknown as Informers;
    const inputs = cachesAt({ nodeName: 'n', root: '/d', totalBytes: 10, namespace: 'kube-system' });
    const { ledger } = inputs({ informers }).room;
    expect(inputs({ informers }).room.ledger).toBe(ledger);
    expect(ledger.take('pvc-1', 6)).toBe(true);
    expect(ledger.free()).toBe(4);
    for (const tell of gone) tell({ metadata: { name: 'pvc-1' } });
    expect(ledger.free()).toBe(10);
  });
});
