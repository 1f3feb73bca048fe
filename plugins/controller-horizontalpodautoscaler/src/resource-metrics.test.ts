import { expect, it } from '@jest/globals';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { ApiError, type PodMetrics } from '@timonel/sdk/kube';
import { manualEnv } from '@timonel/testkit';
import { durationMs, ResourceMetricsReader } from './resource-metrics.ts';
import { podsOf } from './testing/observations.ts';

const metricsOf = (name: string, containers: Record<string, Record<string, string>>): PodMetrics => ({
  metadata: { name, namespace: 'default' },
  timestamp: '2030-01-01T00:00:00Z',
  window: '15.5s',
  containers: Object.entries(containers).map(([container, usage]) => ({ name: container, usage })),
});

let lists = 0;
function readerOf(list: () => readonly PodMetrics[]): ResourceMetricsReader {
  const api = {
    list: async () => {
      lists += 1;
      return { metadata: {}, items: list() };
    },
  } as unknown as ApiClient;
  return new ResourceMetricsReader(api, manualEnv(), 1000);
}

const items = [
  metricsOf('p0', { main: { cpu: '250000000n', memory: '1Ki' }, side: { cpu: '50m', memory: '2Ki' } }),
  metricsOf('p1', { main: { cpu: '1' } }),
  metricsOf('stranger', { main: { cpu: '9' } }),
];

it('reads durations as Go writes them', () => {
  expect(['15s', '1m15.5s', '1h0m3s', '500ms', ''].map(durationMs)).toEqual([15_000, 75_500, 3_603_000, 500, 0]);
});

it('adds the containers of the pods up, or takes one of them', async () => {
  const reader = readerOf(() => items);
  const milli = async (resource: string, container?: string): Promise<unknown> => {
    const reading = await reader.read('default', podsOf(2), resource, container);
    return reading.of === 'pods' ? [...reading.samples].map(([name, one]) => [name, one.milli]) : reading;
  };
  expect(await milli('cpu')).toEqual([
    ['p0', 300],
    ['p1', 1000],
  ]);
  // p1 does not say.
  expect(await milli('memory')).toEqual([['p0', 3_072_000]]);
  expect(await milli('cpu', 'side')).toEqual([['p0', 50]]);
  expect(await milli('cpu', 'none')).toEqual({
    of: 'nothing',
    message: 'unable to get metrics for resource cpu: container none not present in metrics of the pods',
  });
  expect(lists).toBe(1);
});

it('says why there is nothing', async () => {
  const message = async (list: () => readonly PodMetrics[]): Promise<unknown> => {
    const reading = await readerOf(list).read('default', podsOf(1), 'cpu', undefined);
    return reading.of === 'nothing' ? reading.message : reading;
  };
  const head = 'unable to get metrics for resource cpu: ';
  expect(await message(() => [])).toBe(`${head}no metrics returned from resource metrics API`);
  const throwing = (reason: 'NotFound' | 'ServiceUnavailable', text: string) => (): never => {
    throw new ApiError(reason, text);
  };
  expect(await message(throwing('ServiceUnavailable', 'not yet'))).toBe(`${head}not yet`);
  expect(await message(throwing('NotFound', 'nobody'))).toBe(`${head}nobody; the plugin metrics-resource offers them`);
});
