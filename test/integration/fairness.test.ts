/** Many requests at once: those of a noisy client wait, and a quiet one is answered. */
import { afterEach, describe, expect, it } from '@jest/globals';
import { flowSchemas, priorityLevelConfigurations } from '@timonel/sdk/kube';
import apiFairness from '@timonel/plugin-api-fairness';
import { until } from '@timonel/testkit';
import { startApiServer, type Answer, type TestApiServer } from '../support/api-server.ts';

const path = '/api/v1/namespaces/default/configmaps';
const servers: TestApiServer[] = [];

async function serve(seats: number | undefined): Promise<TestApiServer> {
  const server = await startApiServer({
    plugins: seats === undefined ? [] : [apiFairness],
    config: seats === undefined ? {} : { 'api-fairness': { seats } },
  });
  servers.push(server);
  if (seats !== undefined) {
    await until(async () => (await server.api.list(flowSchemas)).items.length === 13, { what: 'the default schemas' });
  }
  return server;
}

const as = (user: string): { headers: Record<string, string> } => ({ headers: { 'impersonate-user': user } });

async function fill(server: TestApiServer): Promise<void> {
  const body = (count: number): object => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: `c${count}`, namespace: 'default' },
    data: { text: 'x'.repeat(100) },
  });
  await Promise.all(Array.from({ length: 200 }, (_, count) => server.send('POST', path, { body: body(count) })));
}

/** Answers of as many requests at a time, until it is stopped. */
function noise(server: TestApiServer, atOnce: number): () => Promise<Map<number, number>> {
  const codes = new Map<number, number>();
  const state = { stopped: false };
  const ask = async (): Promise<void> => {
    while (!state.stopped) {
      const { status } = await server.send('GET', path, as('noisy'));
      codes.set(status, (codes.get(status) ?? 0) + 1);
    }
  };
  const asking = Promise.all(Array.from({ length: atOnce }, ask));
  return async () => {
    state.stopped = true;
    await asking;
    return codes;
  };
}

async function quietMedian(server: TestApiServer): Promise<number> {
  const times: number[] = [];
  for (let count = 0; count < 15; count += 1) {
    const began = performance.now();
    const { status } = await server.send('GET', `${path}/c1`, as('quiet'));
    times.push(performance.now() - began);
    expect(status).toBe(200);
  }
  return times.toSorted((a, b) => a - b)[7] ?? Number.NaN;
}

async function underNoise(seats: number | undefined): Promise<{ median: number; codes: Map<number, number> }> {
  const server = await serve(seats);
  await fill(server);
  const stop = noise(server, 60);
  await quietMedian(server);
  const median = await quietMedian(server);
  return { median, codes: await stop() };
}

const header = ({ headers }: Answer, name: string): unknown => headers[`x-kubernetes-pf-${name}-uid`];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});

describe('API priority and fairness', () => {
  it('answers a quiet client several times sooner while another asks without end', async () => {
    const without = await underNoise(undefined);
    const gated = await underNoise(20);
    expect(without.median / gated.median).toBeGreaterThan(2);
    expect(gated.codes.get(200)).toBeGreaterThan(0);
    expect([...gated.codes.keys()].filter((code) => code !== 200 && code !== 429)).toEqual([]);
  });

  it('follows flow schemas and levels as they are made, and shows by headers what a request is of', async () => {
    const server = await serve(100);
    await fill(server);
    const queuing = { queues: 1, handSize: 1, queueLengthLimit: 1 };
    const limitResponse = { type: 'Queue' as const, queuing };
    const level = await server.api.create(priorityLevelConfigurations, {
      metadata: { name: 'mine' },
      spec: {
        type: 'Limited',
        limited: { nominalConcurrencyShares: 0, borrowingLimitPercent: 0, limitResponse },
      },
    });
    const resourceRules = [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], clusterScope: true, namespaces: ['*'] }];
    const made = await server.api.create(flowSchemas, {
      metadata: { name: 'mine' },
      spec: {
        priorityLevelConfiguration: { name: 'mine' },
        matchingPrecedence: 50,
        rules: [{ subjects: [{ kind: 'User', user: { name: 'jane' } }], resourceRules }],
      },
    });
    const uids = async (user: string): Promise<unknown[]> => {
      const answer = await server.send('GET', path, as(user));
      return [header(answer, 'flowschema'), header(answer, 'prioritylevel')];
    };
    const mine = [made.metadata.uid, level.metadata.uid];
    await until(async () => (await uids('jane')).join() === mine.join(), { what: 'the schema to be in force' });
    const others = await server.api.get(flowSchemas, { name: 'global-default' });
    expect((await uids('john'))[0]).toBe(others.metadata.uid);
    const answers = await Promise.all(Array.from({ length: 50 }, () => server.send('GET', path, as('jane'))));
    const refused = answers.find(({ status }) => status === 429);
    expect(refused).toMatchObject({ headers: { 'retry-after': '1' }, body: { reason: 'TooManyRequests' } });
    await server.api.delete(priorityLevelConfigurations, { name: 'mine' });
    await until(
      async () => {
        const { status } = await server.api.get(flowSchemas, { name: 'mine' });
        return status?.conditions?.some(({ type, status: is }) => type === 'Dangling' && is === 'True');
      },
      { what: 'the schema to be said to dangle' },
    );
    expect((await uids('jane'))[0]).toBe(others.metadata.uid);
  });
});
