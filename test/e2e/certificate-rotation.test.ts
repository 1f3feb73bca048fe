/** Certificates that live for half a minute: two servers and an agent go on for several of these lives, and still connect anew. */
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { Background } from '../support/background.ts';
import { ClusterClient } from '../support/cluster-client.ts';
import { freePort } from '@timonel/testkit/free-port';
import { timonel } from '../support/cluster.ts';
import { newTraces, traces } from '../support/machine.ts';
import { until } from '../support/until.ts';

jest.setTimeout(300_000);

const lifetimeMs = 30_000;
const lives = 2;
const directory = mkdtempSync(join(tmpdir(), 'timonel-rotation-'));
const dirOf = (name: string): string => join(directory, name);
const config = join(directory, 'config.yaml');
const running = new Map<string, Background>();
const octet = 16 + (process.pid % 200);
let before: readonly string[];

/** JSON is YAML. */
const settings = {
  plugins: {
    apiserver: { config: { pki: { lifetimeMs, checkPeriodMs: 1000 } } },
    'cluster-join': { config: { certificateLifetimeMs: lifetimeMs, checkPeriodMs: 1000 } },
    'node-remote': { config: { credentialsIntervalMs: 1000 } },
  },
};
const agentSettings = {
  plugins: {
    'node-certificate': { config: { checkPeriodMs: 1000, retryMs: 1000 } },
    'api-client-https': { config: { credentialsIntervalMs: 1000 } },
    'node-server': { config: { credentialsIntervalMs: 1000, listen: { address: '127.0.0.1', port: 0 } } },
    'node-agent': { config: { heartbeatIntervalMs: 2000 } },
  },
};

function start(name: string, ...args: string[]): Background {
  const process = new Background(args);
  running.set(name, process);
  return process;
}
async function server(name: string, ...args: string[]): Promise<string> {
  const [port, peerPort] = [await freePort(), await freePort()];
  const places = ['--listen', `127.0.0.1:${port}`, '--peer-listen', `127.0.0.1:${peerPort}`];
  const where = ['server', '--data-dir', dirOf(name), '--config', config, '--name', name, ...places];
  await start(name, ...where, ...args).says('is Ready after');
  return `https://127.0.0.1:${port}`;
}
async function token(role: string): Promise<string> {
  const made = await timonel(['token', 'create', '--role', role, '--data-dir', dirOf('s1')]);
  expect(made.status).toBe(0);
  return made.stdout.trim();
}

const files = [
  ['s1', 'apiserver'],
  ['s1', 'peer'],
  ['s1', 'master-client'],
  ['s2', 'apiserver'],
  ['s2', 'peer'],
  ['agent', 'node'],
] as const;
const serials = (): string[] =>
  files.map(([name, file]) => new X509Certificate(readFileSync(join(dirOf(name), 'pki', `${file}.crt`))).serialNumber);

async function ask(
  on: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; body: unknown }> {
  // A client of its own: each call is a new connection, which sees the certificate of now.
  const client = new ClusterClient(join(dirOf(on), 'kubeconfig'));
  try {
    return await client.send(method, path, body);
  } finally {
    client.close();
  }
}
async function heartbeat(): Promise<string> {
  const { body } = await ask('s1', 'GET', '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/node-r');
  return (body as { spec?: { renewTime?: string } }).spec?.renewTime ?? '';
}
const configMaps = '/api/v1/namespaces/default/configmaps';

beforeAll(async () => {
  before = traces();
  writeFileSync(config, JSON.stringify(settings));
  writeFileSync(join(directory, 'agent.yaml'), JSON.stringify(agentSettings));
  const ranges = ['--cluster-cidr', `10.214.${octet}.0/24`, '--service-cidr', `10.215.${octet}.0/24`];
  const url = await server('s1', ...ranges);
  await server('s2', '--join', url, '--token', await token('server'));
  const agentArgs = ['agent', '--data-dir', dirOf('agent'), '--config', join(directory, 'agent.yaml')];
  const joining = ['--server', url, '--token', await token('agent'), '--node-name', 'node-r'];
  await start('agent', ...agentArgs, ...joining, '--node-address', '127.0.0.1', '--on-shutdown', 'remove').says(
    'is Ready after',
  );
});
afterAll(async () => {
  await running.get('agent')?.end();
  await Promise.all([...running.values()].map((each) => each.end()));
  rmSync(directory, { recursive: true, force: true });
  expect(newTraces(before)).toEqual([]);
});

it('goes on through several lives of every certificate, and connects anew after them', async () => {
  const first = serials();
  const ends = performance.now() + lifetimeMs * lives;
  const refused: unknown[] = [];
  let count = 0;
  let beat = await heartbeat();
  await until(
    async () => {
      for (const on of ['s1', 's2']) {
        const answer = await ask(on, 'POST', configMaps, { metadata: { name: `${on}-${count}` } });
        if (answer.status !== 201) refused.push({ on, count, ...answer });
      }
      count += 1;
      return performance.now() > ends;
    },
    { what: 'the lives to pass', timeoutMs: lifetimeMs * lives + 30_000, intervalMs: 500, abortOnThrow: true },
  );
  expect(refused).toEqual([]);
  serials().forEach((serial, index) => expect([files[index], serial]).not.toEqual([files[index], first[index]]));
  const last = beat;
  beat = await until(async () => ((await heartbeat()) === last ? undefined : heartbeat()), { what: 'a heartbeat' });
  expect(Date.now() - Date.parse(beat)).toBeLessThan(20_000);
  // Nobody has a connection of old any more.
  await running.get('s2')?.end('SIGKILL');
  await start('s2', 'server', '--data-dir', dirOf('s2'), '--config', config).says('is Ready after');
  await until(async () => (await ask('s2', 'POST', configMaps, { metadata: { name: 'after' } })).status === 201, {
    what: 'a write after the restart',
  });
});
