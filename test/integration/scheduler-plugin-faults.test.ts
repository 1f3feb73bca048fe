/** A plugin of the framework with faults, in the scheduler in charge: it is blamed, its pod comes again, and in the end it is left out. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { definePlugin } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { schedulingPlugins, type SchedulingPlugin } from '@timonel/sdk/contracts/scheduler';
import { pods, type Pod } from '@timonel/sdk/kube';
import schedulerDefault from '@timonel/plugin-scheduler-default';
import schedulerHost from '@timonel/plugin-scheduler-host';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';
import { makeFakeNodes } from '../support/scheduler-load.ts';
import { until } from '../support/until.ts';

const profilesPath = '/apis/scheduling.timonel.dev/v1/profiles';

/** What it does in place of its work. */
let fault: Partial<SchedulingPlugin> = {};

const faulty: SchedulingPlugin = {
  name: 'Faulty',
  filterScope: 'cluster',
  scoreScope: 'cluster',
  preFilter: (pod, view) => fault.preFilter?.(pod, view) ?? { status: { code: 'success' } },
  filter: (pod, batch, verdicts, state) => fault.filter?.(pod, batch, verdicts, state),
  postFilter: (pod, context) => fault.postFilter?.(pod, context) ?? { outcome: 'nothing', why: 'it has no idea' },
  score: (pod, batch, scores, state) => fault.score?.(pod, batch, scores, state),
};

const contributor = definePlugin({
  name: 'scheduling-faulty',
  version: '1.0.0',
  apiVersion: 1,
  provides: { plugins: schedulingPlugins },
  setup: () => ({ provides: { plugins: { make: () => [faulty] } } }),
});

const full = { code: 'full', text: 'is full', resolvable: true };
const rejectAll: NonNullable<SchedulingPlugin['filter']> = (_pod, { rows, count }, verdicts) => {
  for (const row of rows.subarray(0, count)) verdicts.reject(row, full);
};

const faults: readonly [string, string, Partial<SchedulingPlugin>][] = [
  [
    'throws in a filter',
    'plugin Faulty threw: no luck',
    {
      filter() {
        throw new Error('no luck');
      },
    },
  ],
  [
    'throws before the filters',
    'plugin Faulty threw: no luck',
    {
      preFilter() {
        throw new Error('no luck');
      },
    },
  ],
  ['scores NaN', 'Faulty', { score: (_pod, _batch, scores) => void scores.fill(Number.NaN) }],
  ['scores beyond the bounds', 'Faulty', { score: (_pod, _batch, scores) => void scores.fill(101) }],
  [
    'chooses a node that does not exist for a preemption',
    'Faulty',
    { filter: rejectAll, postFilter: () => ({ outcome: 'preempt', row: 4711, victims: [] }) },
  ],
];

describe('a plugin of the framework that', () => {
  let server: TestApiServer;
  let api: ApiClient;
  let serial = 0;

  const makePod = async (): Promise<string> => {
    serial += 1;
    const name = `p${serial}`;
    const containers = [{ name: 'main', image: 'example.com/any:1' }];
    await api.create(pods, { metadata: { name, namespace: 'default' }, spec: { containers } });
    return name;
  };
  const getPod = (name: string): Promise<Pod> => api.get(pods, { namespace: 'default', name });
  const blame = (name: string): Promise<string> =>
    until(
      async () => {
        const { conditions } = (await getPod(name)).status ?? {};
        return conditions?.find(({ reason }) => reason === 'SchedulerError')?.message;
      },
      { what: 'the fault on the pod' },
    );
  const placed = (name: string): Promise<string> =>
    until(async () => (await getPod(name)).spec.nodeName, { what: `a node for ${name}` });
  const shown = async (): Promise<{ plugin: string; faults: number; quarantined: boolean }[]> =>
    (await server.send('GET', profilesPath)).body.status.faults;

  beforeAll(async () => {
    server = await startApiServer({
      plugins: [schedulerHost, schedulerDefault, contributor],
      config: { 'scheduler-host': { decisionTimeoutMs: 300 } },
    });
    ({ api } = server);
    await makeFakeNodes(api, 3);
  });
  afterAll(() => server?.stop());
  beforeEach(async () => {
    fault = {};
    const profile = { plugins: [{ name: 'Faulty' }] };
    const { status } = await server.send('PUT', profilesPath, { body: { spec: { profiles: [profile] } } });
    expect(status).toBe(200);
  });

  it.each(faults)('%s is blamed, and the pod is bound when it works', async (_, message, parts) => {
    fault = parts;
    const name = await makePod();
    expect(await blame(name)).toContain(message);
    expect(await shown()).toMatchObject([{ plugin: 'Faulty', quarantined: false }]);
    expect((await getPod(name)).spec.nodeName).toBeUndefined();
    fault = {};
    expect(await placed(name)).toMatch(/^node-/);
    expect(server.kernel.control.info('scheduler-default')).toMatchObject({ state: 'running', faults: 0 });
  });

  it('names only nodes that do not exist leaves the pod waiting, and no other', async () => {
    fault = {
      preFilter: ({ name }) =>
        name === lonely ? { status: { code: 'success' }, nodeNames: ['nowhere'] } : { status: { code: 'success' } },
    };
    const lonely = `p${serial + 1}`;
    await makePod();
    await placed(await makePod());
    expect((await getPod(lonely)).spec.nodeName).toBeUndefined();
    await api.delete(pods, { namespace: 'default', name: lonely }, { gracePeriodSeconds: 0 });
  });

  it('goes on with its faults is left out, which is shown, and pods are bound without it', async () => {
    fault = {
      filter() {
        throw new Error('as ever');
      },
    };
    const names = await Promise.all(Array.from({ length: 12 }, makePod));
    await Promise.all(names.map(placed));
    expect(await shown()).toEqual([{ plugin: 'Faulty', faults: 10, lastFault: 'threw: as ever', quarantined: true }]);
  });

  it('loops without end is cut off, and pods are bound as before', async () => {
    let looped = 0;
    fault = {
      filter() {
        looped += 1;
        if (looped === 1) for (;;);
      },
    };
    const name = await makePod();
    expect(await blame(name)).toMatch(/^Faulty: .*did not return/);
    expect(await placed(name)).toMatch(/^node-/);
    await Promise.all((await Promise.all(Array.from({ length: 10 }, makePod))).map(placed));
  });
});
