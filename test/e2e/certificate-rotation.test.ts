/** Certificates that live for half a minute: two servers and an agent go on for several of these lives, and still connect anew. */
import { X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { LoopbackServers } from '../support/loopback-servers.ts';
import { newTraces, traces } from '../support/machine.ts';
import { until } from '../support/until.ts';

jest.setTimeout(300_000);

const lifetimeMs = 30_000;
const lives = 2;
const cluster = new LoopbackServers();
const config = cluster.at('config.yaml');
const agentConfig = cluster.at('agent.yaml');
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

const files = [
  ['s1', 'apiserver'],
  ['s1', 'peer'],
  ['s1', 'master-client'],
  ['s2', 'apiserver'],
  ['s2', 'peer'],
  ['agent', 'node'],
] as const;
const serials = (): string[] =>
  files.map(([name, file]) => new X509Certificate(readFileSync(cluster.at(name, 'pki', `${file}.crt`))).serialNumber);

async function heartbeat(): Promise<string> {
  const { body } = await cluster.send(
    's1',
    'GET',
    '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/node-r',
  );
  return (body as { spec?: { renewTime?: string } }).spec?.renewTime ?? '';
}
const configMaps = '/api/v1/namespaces/default/configmaps';

beforeAll(async () => {
  before = traces();
  writeFileSync(config, JSON.stringify(settings));
  writeFileSync(agentConfig, JSON.stringify(agentSettings));
  const ranges = ['--cluster-cidr', `10.214.${octet}.0/24`, '--service-cidr', `10.215.${octet}.0/24`];
  const url = await cluster.server('s1', '--config', config, ...ranges);
  await cluster.server('s2', '--config', config, '--join', url, '--token', await cluster.token('s1', 'server'));
  const joining = ['--server', url, '--token', await cluster.token('s1', 'agent'), '--node-name', 'node-r'];
  const agentArgs = ['--config', agentConfig, ...joining, '--node-address', '127.0.0.1', '--on-shutdown', 'remove'];
  await cluster.start('agent', 'agent', ...agentArgs).says('is Ready after');
});
afterAll(async () => {
  await cluster.dispose();
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
        const answer = await cluster.send(on, 'POST', configMaps, { metadata: { name: `${on}-${count}` } });
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
  await cluster.running('s2').end('SIGKILL');
  await cluster.start('server', 's2', '--config', config).says('is Ready after');
  await until(
    async () => (await cluster.send('s2', 'POST', configMaps, { metadata: { name: 'after' } })).status === 201,
    {
      what: 'a write after the restart',
    },
  );
});
