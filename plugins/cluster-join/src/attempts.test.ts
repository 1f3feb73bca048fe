import { describe, expect, it } from '@jest/globals';
import { Attempts } from './attempts.ts';

function attempts(limit: number) {
  const time = { ms: 0 };
  const clock = { now: () => time.ms, monotonic: () => time.ms, timestamp: () => '', microTimestamp: () => '' };
  return { time, counted: new Attempts(clock, limit) };
}

describe('attempts', () => {
  it('of one address are bounded in each minute, and do not count for others', () => {
    const { time, counted } = attempts(2);
    counted.count('a');
    counted.count('a');
    expect(() => counted.count('a')).toThrow('try again in 60 s');
    counted.count('b');
    time.ms = 59_500;
    expect(() => counted.count('a')).toThrow('try again in 1 s');
    time.ms = 60_000;
    counted.count('a');
  });

  it('are forgotten, the oldest first, when there are too many addresses', () => {
    const { counted } = attempts(1);
    counted.count('first');
    for (let n = 0; n < 4095; n++) counted.count(`a${n}`);
    expect(() => counted.count('first')).toThrow('too many');
    counted.count('one more');
    counted.count('first');
  });
});
