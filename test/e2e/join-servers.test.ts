/** Three servers on loopback: two join the first by a token, one fails, all stop and come back. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { freePort } from '@timonel/testkit/free-port';
import { timonel } from '../support/cluster.ts';
import { freePlaces, LoopbackServers } from '../support/loopback-servers.ts';
import { until } from '../support/until.ts';

// Processes start and stop in every test, on a machine that may be busy with others.
jest.setTimeout(180_000);

const cluster = new LoopbackServers();
let url: string;

const token = (): Promise<string> => cluster.token('s1', 'server');
const configMaps = '/api/v1/namespaces/default/configmaps';
const write = async (on: string, name: string): Promise<boolean> => {
  const { status } = await cluster.send(on, 'POST', configMaps, { metadata: { name } });
  return status === 201 || status === 409;
};

beforeAll(async () => {
  url = await cluster.server('s1');
});
afterAll(() => cluster.dispose());

describe('servers', () => {
  it('join by a token, and serve the same API to the same administrator', async () => {
    for (const name of ['s2', 's3']) {
      // The first name answers nobody: the next one is asked.
      const away = `https://127.0.0.1:${await freePort()}`;
      await cluster.server(name, '--join', `${away},${url}`, '--token', await token());
    }
    const secret = readFileSync(cluster.at('s1', 'data', 'auth-token', 'admin.token'), 'utf8');
    for (const name of ['s2', 's3']) {
      expect(readFileSync(cluster.at(name, 'data', 'auth-token', 'admin.token'), 'utf8')).toBe(secret);
      expect(await write(name, `from-${name}`)).toBe(true);
    }
    for (const name of ['from-s2', 'from-s3'])
      expect(await cluster.send('s1', 'GET', `${configMaps}/${name}`)).toMatchObject({ status: 200 });
  });

  it('are told apart by name, and stay in their cluster', async () => {
    const joining = ['--join', url, '--token', await token()];
    const other = ['server', '--data-dir', cluster.at('other')];
    const taken = await timonel([...other, '--name', 's2', ...(await freePlaces()), ...joining]);
    expect(taken).toMatchObject({ status: 1, stderr: expect.stringContaining('the name "s2" belongs to the member') });
    const half = await timonel(other);
    expect(half).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('start it again with --join and --token'),
    });
  });

  it('go on without the one that formed the cluster', async () => {
    await cluster.running('s1').end('SIGKILL');
    await until(() => write('s2', 'without-s1'), { what: 'the others to elect a leader', timeoutMs: 30_000 });
    expect(await cluster.send('s3', 'GET', `${configMaps}/without-s1`)).toMatchObject({ status: 200 });
    await cluster.start('server', 's1').says('is Ready after');
    expect(await cluster.send('s1', 'GET', `${configMaps}/without-s1`)).toMatchObject({ status: 200 });
  });

  it('come back one by one without any flags', async () => {
    for (const name of ['s1', 's2', 's3']) await cluster.running(name).end('SIGKILL');
    const alone = cluster.start('server', 's2');
    await alone.says('a majority of the servers must be up');
    expect(alone.output).not.toContain('is Ready after');
    cluster.start('server', 's3');
    await alone.says('is Ready after');
    expect(await cluster.send('s2', 'GET', `${configMaps}/without-s1`)).toMatchObject({ status: 200 });
  });
});
