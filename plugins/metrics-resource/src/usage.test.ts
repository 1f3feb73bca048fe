import { describe, expect, it } from '@jest/globals';
import type { NodeUsage } from '@timonel/sdk/contracts/node';
import { goDuration, nodeMetrics, usageOf } from './metrics-objects.ts';
import { UsageSamples } from './usage-samples.ts';
import { windowUse } from './usage-window.ts';

const second = 1e9;

function usage(time: number, cpuSeconds: number, containers: Record<string, number>, uid = 'u'): NodeUsage {
  return {
    nodeName: 'n',
    time,
    cpuUsageNanos: cpuSeconds * second,
    memoryWorkingSetBytes: 4096,
    pods: [
      {
        namespace: 'default',
        name: 'p',
        uid,
        containers: Object.entries(containers).map(([name, seconds]) => ({
          name,
          cpuUsageNanos: seconds * second,
          memoryWorkingSetBytes: 1024,
        })),
      },
    ],
  };
}

describe('windowUse', () => {
  it('averages cpu over the real window and takes the last memory', () => {
    const { node, pods } = windowUse(usage(1000, 10, { a: 1, b: 0 }), usage(5000, 12, { a: 3, b: 0 }));
    expect(node).toEqual({ name: 'n', time: 5000, windowMs: 4000, use: { cpu: 0.5, memoryBytes: 4096 } });
    expect(pods).toEqual([
      {
        namespace: 'default',
        name: 'p',
        uid: 'u',
        time: 5000,
        windowMs: 4000,
        containers: [
          { name: 'a', use: { cpu: 0.5, memoryBytes: 1024 } },
          { name: 'b', use: { cpu: 0, memoryBytes: 1024 } },
        ],
      },
    ]);
  });

  it('leaves out what began anew or has begun within the window', () => {
    const before = usage(1000, 10, { a: 5 });
    expect(windowUse(before, usage(2000, 11, { a: 1 })).pods).toEqual([]);
    expect(windowUse(before, usage(2000, 11, { a: 6, new: 1 })).pods).toEqual([]);
    expect(windowUse(before, usage(2000, 11, { a: 6 }, 'another')).pods).toEqual([]);
    expect(windowUse(before, usage(2000, 11, {})).pods).toEqual([]);
    expect(windowUse(before, usage(2000, 1, { a: 6 })).node).toBeUndefined();
  });
});

describe('UsageSamples', () => {
  it('is ready with the second sample, and not when it is the first one again', () => {
    const samples = new UsageSamples(() => 0, 100);
    samples.accept(usage(1000, 1, { a: 1 }));
    samples.accept(usage(1000, 1, { a: 1 }));
    expect(samples.ready()).toBe(false);
    samples.accept(usage(2000, 1.5, { a: 1.25 }));
    expect(samples.ready()).toBe(true);
    expect(samples.nodes()[0]?.use.cpu).toBe(0.5);
    expect(samples.pods('default')[0]?.containers[0]?.use.cpu).toBe(0.25);
    expect(samples.pods('other')).toEqual([]);
  });

  it('begins anew when the clock of a node jumps back', () => {
    const samples = new UsageSamples(() => 0, 100);
    for (const time of [1000, 2000, 500]) samples.accept(usage(time, 1, { a: 1 }));
    expect(samples.ready()).toBe(false);
    samples.accept(usage(1500, 2, { a: 2 }));
    expect(samples.nodes()[0]).toMatchObject({ windowMs: 1000, use: { cpu: 1 } });
  });

  it('shows nothing stale, and nothing of nodes that are gone', () => {
    let now = 0;
    const samples = new UsageSamples(() => now, 100);
    for (const time of [1000, 2000]) samples.accept(usage(time, 1, { a: 1 }));
    now = 100;
    expect(samples.ready()).toBe(true);
    now = 101;
    expect([samples.ready(), samples.nodes(), samples.pods()]).toEqual([false, [], []]);
    now = 0;
    samples.keepOnly(new Set());
    expect(samples.ready()).toBe(false);
  });
});

describe('what is shown', () => {
  it('writes figures as metrics-server does', () => {
    expect(usageOf({ cpu: 0.0123456789, memoryBytes: 10 * 1024 * 1024 + 5 })).toEqual({
      cpu: '12345679n',
      memory: '10240Ki',
    });
    expect(usageOf({ cpu: 0, memoryBytes: 0 })).toEqual({ cpu: '0', memory: '0Ki' });
    expect([14_980, 15_000, 65_000, 3_605_500].map(goDuration)).toEqual(['14.98s', '15s', '1m5s', '1h0m5.5s']);
  });

  it('has the time of the node in whole seconds, whatever its clock says', () => {
    const timesOf = (time: number): readonly unknown[] => {
      const { metadata, timestamp } = nodeMetrics(
        { metadata: { name: 'n' } },
        { time, windowMs: 1000, use: { cpu: 0, memoryBytes: 0 } },
      );
      return [metadata.creationTimestamp, timestamp];
    };
    expect(timesOf(1_772_712_000_999)).toEqual(['2026-03-05T12:00:00Z', '2026-03-05T12:00:00Z']);
    expect(timesOf(1e20)).toEqual(['9999-12-31T23:59:59Z', '9999-12-31T23:59:59Z']);
  });
});
