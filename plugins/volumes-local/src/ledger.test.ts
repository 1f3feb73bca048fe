import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { PersistentVolume } from '@timonel/sdk/kube';
import { Ledger } from './ledger.ts';

const volumeOf = (name: string, bytes: number): PersistentVolume => ({
  metadata: { name },
  spec: { capacity: { storage: String(bytes) } },
});

describe('the ledger of a node', () => {
  it('counts what was given a moment ago, and counts it once when the cache shows it', () => {
    const shown: PersistentVolume[] = [];
    const ledger = new Ledger(10, () => shown);
    expect(ledger.take('a', 6)).toBe(true);
    expect(ledger.take('b', 6)).toBe(false);
    expect(ledger.free()).toBe(4);
    // What failed after the room was taken is tried again with the same room.
    expect(ledger.free('a')).toBe(10);
    expect(ledger.take('a', 6)).toBe(true);
    shown.push(volumeOf('a', 6));
    expect(ledger.free()).toBe(4);
    shown.length = 0;
    expect(ledger.free()).toBe(10);
  });

  it('counts a volume that grows by its new size, in place of the old one', () => {
    const shown = [volumeOf('a', 4)];
    const ledger = new Ledger(10, () => shown);
    expect(ledger.take('a', 11)).toBe(false);
    expect(ledger.take('a', 8)).toBe(true);
    expect(ledger.free()).toBe(2);
    ledger.drop('a');
    expect(ledger.free()).toBe(6);
  });

  it('never gives more than there is, whenever the cache shows what', () => {
    const step = fc.record({
      name: fc.constantFrom('a', 'b', 'c', 'd'),
      bytes: fc.integer({ min: 1, max: 8 }),
      shows: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const made = new Map<string, number>();
        const shown = new Map<string, number>();
        const ledger = new Ledger(12, () => [...shown].map(([name, bytes]) => volumeOf(name, bytes)));
        for (const { name, bytes, shows } of steps) {
          const before = made.get(name) ?? 0;
          if (bytes > before && ledger.take(name, bytes)) made.set(name, bytes);
          if (shows) for (const [key, size] of made) shown.set(key, size);
          expect([...made.values()].reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(12);
        }
      }),
    );
  });
});
