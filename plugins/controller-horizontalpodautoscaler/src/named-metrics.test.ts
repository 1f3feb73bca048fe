import { expect, it } from '@jest/globals';
import type { ExternalMetricsProvider, ObjectMetricsProvider } from '@timonel/sdk/contracts/metrics';
import { readExternalMetric, readObjectMetric, readPodsMetric } from './named-metrics.ts';
import { podsOf } from './testing/observations.ts';

it.each([Number.NaN, Number.POSITIVE_INFINITY, 1e300])('a value of %d counts as none', async (value) => {
  const objects: ObjectMetricsProvider = {
    offered: () => ['pods', 'services'].map((resource) => ({ group: '', resource, metric: 'load', namespaced: true })),
    values: async ({ names }) => names.map((name) => ({ name, value, time: 0 })),
  };
  const external: ExternalMetricsProvider = { offered: () => ['load'], values: async () => [{ value, time: 0 }] };
  const type = { group: '', resource: 'services' };
  const readings = await Promise.all([
    readPodsMetric([objects], { name: 'load' }, 'default', podsOf(2)),
    readObjectMetric([objects], { name: 'load' }, { type, kind: 'Service', namespace: 'default', name: 'web' }),
    readExternalMetric([external], { name: 'load' }, 'default'),
  ]);
  expect(readings.map((reading) => reading.of)).toEqual(['nothing', 'nothing', 'nothing']);
});
