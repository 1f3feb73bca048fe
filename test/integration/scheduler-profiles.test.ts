/** Profiles and queues on a live cluster: looked at, changed, those of another scheduler after a swap. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { AnyPlugin } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { nodes, pods, type Pod, type PodSpec } from '@timonel/sdk/kube';
import schedulerGang from '@timonel/plugin-scheduler-gang';
import { until } from '@timonel/testkit';
import schedulerBinpack from '../../plugins/scheduler-binpack/src/index.ts';
import schedulerDefault from '../../plugins/scheduler-default/src/index.ts';
import schedulerHost from '../../plugins/scheduler-host/src/index.ts';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';

const profilesPath = '/apis/scheduling.timonel.dev/v1/profiles';
const queues = [{ name: 'blue', quota: { pods: 1 } }, { name: 'red' }];

let server: TestApiServer;
let api: ApiClient;
let serial = 0;

async function start(plugin: AnyPlugin, available: readonly AnyPlugin[] = []): Promise<void> {
  const config = { 'scheduler-gang': { queues } };
  server = await startApiServer({ plugins: [schedulerHost, plugin], available, config });
  ({ api } = server);
  for (const name of ['a', 'b']) {
    await api.create(nodes, { metadata: { name }, spec: {} });
    const allocatable = { cpu: '8', memory: '16Gi', pods: '50' };
    const made = structuredClone(await api.get(nodes, { name }));
    await api.updateStatus(nodes, { ...made, status: { capacity: allocatable, allocatable } });
  }
}

async function makePod(spec: Partial<PodSpec> = {}, labels: Record<string, string> = {}): Promise<string> {
  serial += 1;
  const name = `p${serial}`;
  const containers = [{ name: 'c', image: 'x:1', resources: { requests: { cpu: '100m' } } }];
  await api.create(pods, { metadata: { name, namespace: 'default', labels }, spec: { containers, ...spec } });
  return name;
}

const getPod = (name: string): Promise<Pod> => api.get(pods, { namespace: 'default', name });
const placed = (name: string): Promise<string> =>
  until(async () => (await getPod(name)).spec.nodeName, { what: `a node for ${name}` });

describe('profiles', () => {
  beforeAll(() => start(schedulerDefault, [schedulerBinpack]));
  afterAll(() => server.stop());

  it('are changed while pods are scheduled: pods of a new name are taken, those of an old one left alone', async () => {
    const waiting = await makePod({ schedulerName: 'second' });
    await placed(await makePod());
    expect((await getPod(waiting)).spec.nodeName).toBeUndefined();
    const { status, body } = await server.send('GET', profilesPath);
    expect([status, body.metadata.name, body.spec.profiles.length]).toEqual([200, 'scheduler-default', 1]);
    body.spec.profiles.push({ schedulerName: 'second', disabled: ['ImageLocality'] });
    expect((await server.send('PUT', profilesPath, { body })).status).toBe(200);
    await placed(waiting);
    const first = await makePod();
    await placed(first);
    body.spec.profiles.shift();
    expect((await server.send('PUT', profilesPath, { body })).status).toBe(200);
    await placed(await makePod({ schedulerName: 'second' }));
    const alone = await makePod();
    await placed(await makePod({ schedulerName: 'second' }));
    expect((await getPod(alone)).spec.nodeName).toBeUndefined();
    await server.send('PUT', profilesPath, { body: { spec: { profiles: [{}] } } });
    await placed(alone);
  });

  it('that are wrong are refused with the fields, and those before go on', async () => {
    const answer = await server.send('PUT', profilesPath, {
      body: { spec: { profiles: [{ plugins: [{ name: 'NodeAfinity', weight: 3 }] }] } },
    });
    expect([answer.status, answer.body.details.causes]).toEqual([
      422,
      [
        {
          field: 'spec.profiles[0].plugins[0].name',
          reason: 'FieldValueNotSupported',
          message: `nobody offers a plugin "NodeAfinity" – did you mean 'NodeAffinity'?`,
        },
      ],
    ]);
    expect((await server.send('PUT', profilesPath, { body: { spec: {} } })).status).toBe(400);
    await placed(await makePod());
  });

  it('are those of the scheduler that was swapped in', async () => {
    await server.kernel.control.swap('scheduler', 'scheduler-binpack');
    const { body } = await server.send('GET', profilesPath);
    expect(body.metadata.name).toBe('scheduler-binpack');
    expect(body.status.available).toContain('FullestFirst');
    await placed(await makePod());
  });
});

describe('queues', () => {
  beforeAll(() => start(schedulerGang));
  afterAll(() => server.stop());

  it('keep a pod beyond the quota waiting with the reason, until a pod of the queue goes', async () => {
    const blue = { 'scheduling.timonel.dev/queue': 'blue' };
    const first = await makePod({}, blue);
    await placed(first);
    const second = await makePod({}, blue);
    const other = await makePod({}, { 'scheduling.timonel.dev/queue': 'red' });
    await placed(other);
    const message = await until(
      async () => (await getPod(second)).status?.conditions?.find(({ type }) => type === 'PodScheduled')?.message,
      { what: 'a reason' },
    );
    expect(message).toContain('queue "blue" has too little pods left of its quota');
    await api.delete(pods, { namespace: 'default', name: other }, { gracePeriodSeconds: 0 });
    await placed(await makePod());
    expect((await getPod(second)).spec.nodeName).toBeUndefined();
    await api.delete(pods, { namespace: 'default', name: first }, { gracePeriodSeconds: 0 });
    await placed(second);
  });
});
