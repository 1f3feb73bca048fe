/** What metrics cost: recording a request of the API server, and a collection as text. CPU time, not time on the clock. */
import { createRealEnv } from '@timonel/core';
import { openMetrics } from '@timonel/sdk';
import { formatMetrics } from '@timonel/sdk/contracts/metrics';
import type { ResourcePath } from '../../plugins/apiserver/src/http/resource-path.ts';
import type { KindTable } from '../../plugins/apiserver/src/kinds/kind-table.ts';
import { apiMetrics } from '../../plugins/apiserver/src/metrics/definitions.ts';
import { RequestObserver } from '../../plugins/apiserver/src/metrics/request-observer.ts';
import type { Bench, BenchOptions } from './bench.ts';
import type { Figure } from './figures.ts';

const bench = 'metrics';
const requests = 200_000;
const collections = 20;
const recordLimitUs = 2;
const methods = ['GET', 'PUT', 'PATCH', 'DELETE'] as const;
const codes = [200, 201, 404, 409] as const;
const resources = Array.from({ length: 60 }, (_, index) => `things${index}`);

function cpuMs(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** Of kinds the observer needs nothing but their definitions. */
function kindTable(): KindTable {
  const kinds = new Map(
    resources.map((resource) => [
      `apps/v1/${resource}`,
      { definition: { group: 'apps', version: 'v1', resource, subresources: {} } },
    ]),
  );
  const find = (group: string, version: string, resource: string): unknown =>
    kinds.get(`${group}/${version}/${resource}`);
  return { find } as unknown as KindTable;
}

async function run({ rounds, note }: BenchOptions): Promise<Figure[]> {
  const { instruments, collect } = openMetrics(apiMetrics);
  const observer = new RequestObserver(instruments, createRealEnv().clock);
  const kinds = kindTable();
  const paths = resources.map((resource): ResourcePath => {
    const type = { group: 'apps', version: 'v1', resource };
    return { ...type, namespace: 'default', name: 'one', subresource: '', tail: '' };
  });
  const record = (): void => {
    for (let turn = 0; turn < requests; turn += 1) {
      const method = methods[turn & 3] ?? 'GET';
      const observed = observer.begin({ method, path: '/apis/apps/v1', querystring: '', contentType: undefined });
      observed.isFor(paths[turn % paths.length] as ResourcePath, kinds);
      observed.end(codes[(turn >> 4) & 3] ?? 200);
    }
  };
  record();
  const recordUs: number[] = [];
  const collectMs: number[] = [];
  let series = 0;
  for (let round = 1; round <= rounds; round += 1) {
    recordUs.push((cpuMs(record) * 1000) / requests);
    const text = (): string => formatMetrics(collect(), 'prometheus');
    collectMs.push(cpuMs(() => Array.from({ length: collections }, text)) / collections);
    series = text().split('\n').length;
    note(`round ${round} of ${rounds}: ${recordUs.at(-1)?.toFixed(2)} µs a request`);
  }
  const wanted = { p50: recordLimitUs };
  return [
    { bench, name: 'CPU of recording one API request', unit: 'µs', wanted, samples: recordUs },
    { bench, name: `CPU of /metrics with ${series} lines`, unit: 'ms', samples: collectMs },
  ];
}

export const metrics: Bench = {
  name: bench,
  description: 'what it costs to record a request and to show all metrics',
  needsRoot: false,
  defaultRounds: 5,
  run,
};
