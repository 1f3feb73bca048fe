import { describe, expect, it } from '@jest/globals';
import { SimRandom } from './random.ts';

describe('seeded random', () => {
  it('gives the same numbers for the same seed and others for another', () => {
    const numbers = (seed: number): number[] => {
      const random = new SimRandom(seed);
      return Array.from({ length: 20 }, () => random.uint32());
    };
    expect(numbers(7)).toEqual(numbers(7));
    expect(numbers(7)).not.toEqual(numbers(8));
  });

  it('forks streams that do not depend on the use of the parent', () => {
    const used = new SimRandom(3);
    for (let i = 0; i < 100; i++) used.next();
    expect(used.fork('disk').next()).toBe(new SimRandom(3).fork('disk').next());
    expect(used.fork('disk').next()).not.toBe(used.fork('network').next());
  });

  it('is spread evenly, and keeps to its bounds', () => {
    const random = new SimRandom(1);
    const counts = Array.from({ length: 10 }, () => 0);
    for (let i = 0; i < 10_000; i++) counts[random.int(10)]! += 1;
    for (const count of counts) expect(count).toBeGreaterThan(850);
    let sum = 0;
    for (let i = 0; i < 10_000; i++) sum += random.exponential(5);
    expect(sum / 10_000).toBeCloseTo(5, 0);
    expect([random.chance(0), random.chance(1)]).toEqual([false, true]);
  });

  it('picks by weight and shuffles without loss', () => {
    const random = new SimRandom(1);
    const picked = Array.from({ length: 1_000 }, () => random.weighted({ often: 9, seldom: 1, never: 0 }));
    expect(picked.filter((name) => name === 'often').length).toBeGreaterThan(850);
    expect(picked).not.toContain('never');
    expect(random.shuffle([1, 2, 3, 4, 5]).toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5]);
  });
});
