/** Three servers on loopback: two join the first by a token, one fails, all stop and come back. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Background } from '../support/background.ts';
import { ClusterClient } from '../support/cluster-client.ts';
import { freePort } from '@timonel/testkit/free-port';
import { timonel } from '../support/cluster.ts';
import { until } from '../support/until.ts';

// Processes start and stop in every test, on a machine that may be busy with others.
jest.setTimeout(180_000);

const directory = mkdtempSync(join(tmpdir(), 'timonel-servers-'));
const dirOf = (name: string): string => join(directory, name);
const running = new Map<string, Background>();
const urls = new Map<string, string>();

async function first(name: string, ...args: string[]): Promise<Background> {
  const [port, peerPort] = [await freePort(), await freePort()];
  urls.set(name, `https://127.0.0.1:${port}`);
  const listen = ['--listen', `127.0.0.1:${port}`, '--peer-listen', `127.0.0.1:${peerPort}`];
  return start(name, '--name', name, ...listen, ...args);
}
function start(name: string, ...args: string[]): Background {
  const server = new Background(['server', '--data-dir', dirOf(name), ...args]);
  running.set(name, server);
  return server;
}
async function token(on: string): Promise<string> {
  const made = await timonel(['token', 'create', '--role', 'server', '--data-dir', dirOf(on)]);
  expect(made.status).toBe(0);
  return made.stdout.trim();
}
/** The kubeconfig of one server, for another: the token and the authority are the same. */
async function ask(on: string, method: string, path: string, body?: unknown): Promise<{ status: number }> {
  const client = new ClusterClient(join(dirOf(on), 'kubeconfig'));
  try {
    return await client.send(method, path, body);
  } finally {
    client.close();
  }
}
const configMaps = '/api/v1/namespaces/default/configmaps';
const write = async (on: string, name: string): Promise<boolean> => {
  const { status } = await ask(on, 'POST', configMaps, { metadata: { name } });
  return status === 201 || status === 409;
};

beforeAll(async () => {
  const server = await first('s1');
  await server.says('is Ready after');
});
afterAll(async () => {
  await Promise.all([...running.values()].map((server) => server.end()));
  rmSync(directory, { recursive: true, force: true });
});

describe('servers', () => {
  it('join by a token, and serve the same API to the same administrator', async () => {
    for (const name of ['s2', 's3']) {
      // The first name answers nobody: the next one is asked.
      const away = `https://127.0.0.1:${await freePort()}`;
      const server = await first(name, '--join', `${away},${urls.get('s1')}`, '--token', await token('s1'));
      await server.says('is Ready after');
    }
    const secret = readFileSync(join(dirOf('s1'), 'data', 'auth-token', 'admin.token'), 'utf8');
    for (const name of ['s2', 's3']) {
      expect(readFileSync(join(dirOf(name), 'data', 'auth-token', 'admin.token'), 'utf8')).toBe(secret);
      expect(await write(name, `from-${name}`)).toBe(true);
    }
    for (const name of ['from-s2', 'from-s3'])
      expect(await ask('s1', 'GET', `${configMaps}/${name}`)).toMatchObject({ status: 200 });
  });

  it('are told apart by name, and stay in their cluster', async () => {
    const taken = await timonel([
      'server',
      '--data-dir',
      dirOf('other'),
      '--name',
      's2',
      '--listen',
      `127.0.0.1:${await freePort()}`,
      '--peer-listen',
      `127.0.0.1:${await freePort()}`,
      '--join',
      urls.get('s1') ?? '',
      '--token',
      await token('s1'),
    ]);
    expect(taken).toMatchObject({ status: 1, stderr: expect.stringContaining('the name "s2" belongs to the member') });
    const half = await timonel(['server', '--data-dir', dirOf('other')]);
    expect(half).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('start it again with --join and --token'),
    });
  });

  it('go on without the one that formed the cluster', async () => {
    await running.get('s1')?.end('SIGKILL');
    await until(() => write('s2', 'without-s1'), { what: 'the others to elect a leader', timeoutMs: 30_000 });
    expect(await ask('s3', 'GET', `${configMaps}/without-s1`)).toMatchObject({ status: 200 });
    await start('s1').says('is Ready after');
    expect(await ask('s1', 'GET', `${configMaps}/without-s1`)).toMatchObject({ status: 200 });
  });

  it('come back one by one without any flags', async () => {
    for (const server of running.values()) await server.end('SIGKILL');
    const alone = start('s2');
    await alone.says('a majority of the servers must be up');
    expect(alone.output).not.toContain('is Ready after');
    start('s3');
    await alone.says('is Ready after');
    expect(await ask('s2', 'GET', `${configMaps}/without-s1`)).toMatchObject({ status: 200 });
  });
});
