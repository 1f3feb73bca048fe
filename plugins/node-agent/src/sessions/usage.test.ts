import { describe, expect, it } from '@jest/globals';
import { parseMachineUsage } from './usage.ts';

const stat = `cpu  100 20 300 9000 50 6 7 8 90 10
cpu0 50 10 150 4500 25 3 3 4 45 5
intr 12345
`;
const meminfo = `MemTotal:        8000000 kB
MemFree:         1000000 kB
MemAvailable:    5000000 kB
Active(file):    1500000 kB
Inactive(file):  2500000 kB
`;

describe('what the machine uses', () => {
  it('is the time that was not idle, and the memory less what can be dropped', () => {
    expect(parseMachineUsage(stat, meminfo)).toEqual({
      cpuUsageNanos: (100 + 20 + 300 + 6 + 7 + 8) * 1e7,
      memoryWorkingSetBytes: 4_500_000 * 1024,
    });
  });

  it('is nothing where /proc says nothing', () => {
    expect(parseMachineUsage('', '')).toEqual({ cpuUsageNanos: 0, memoryWorkingSetBytes: 0 });
  });
});
