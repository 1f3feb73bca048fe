/** The authority is replaced and retired under two servers and a node that go on working, with clients that have only the old one; a third server joins. */
import { X509Certificate } from 'node:crypto';
import { copyFileSync, cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { stringify } from 'yaml';
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { readKubeconfig } from '../../cli/src/cluster/kubeconfig.ts';
import { timonel } from '../support/cluster.ts';
import { ClusterClient } from '../support/cluster-client.ts';
import { LoopbackServers } from '../support/loopback-servers.ts';
import { newTraces, traces } from '../support/machine.ts';
import { until } from '../support/until.ts';

jest.setTimeout(240_000);

const cluster = new LoopbackServers();
const at = (...parts: string[]): string => cluster.at(...parts);
const octet = 16 + (process.pid % 200);
const configMaps = '/api/v1/namespaces/default/configmaps';
const secret = '/api/v1/namespaces/default/secrets/kept';
const data = { password: Buffer.from('kept for good').toString('base64') };
let before: readonly string[];

const settings = {
  plugins: {
    apiserver: { config: { pki: { checkPeriodMs: 1000 } } },
    'cluster-join': { config: { checkPeriodMs: 1000 } },
    'controller-authority': { config: { periodMs: 500 } },
    'controller-serviceaccount': {},
  },
};
const agentSettings = {
  plugins: {
    'node-certificate': { config: { checkPeriodMs: 1000, retryMs: 1000 } },
    'node-server': { config: { listen: { address: '127.0.0.1', port: 0 } } },
    'node-agent': { config: { heartbeatIntervalMs: 2000 } },
  },
};

const server = (name: string, ...args: string[]): Promise<string> =>
  cluster.server(name, '--config', at('config.yaml'), ...args);
const agentArgs = ['--config', at('agent.yaml'), '--on-shutdown', 'remove'];
const run = (...args: string[]): Promise<string> => cluster.run('s1', ...args);
const token = (role: 'server' | 'agent'): Promise<string> => cluster.token('s1', role);

interface Status {
  readonly phase: string;
  readonly waitingFor: readonly string[];
  readonly signer: { readonly commonName: string };
}
const certificates = async (...args: string[]): Promise<Status> =>
  JSON.parse(await run('certificates', ...args, '-o', 'json')) as Status;

/** Each call is a connection of its own. */
// oxlint-disable-next-line no-explicit-any
const ask = (kubeconfig: string, method: string, path: string, body?: unknown): Promise<any> =>
  ClusterClient.once(kubeconfig, (client) => client.ask(method, path, body));

/** The kubeconfig with another token. */
function as(kubeconfig: string, bearer: string): string {
  const file = at('robot.kubeconfig');
  const { server: url, caCertificate } = readKubeconfig(kubeconfig);
  const named = (key: string, value: object): object[] => [{ name: 'x', [key]: value }];
  const authority = Buffer.from(caCertificate).toString('base64');
  writeFileSync(
    file,
    stringify({
      clusters: named('cluster', { server: url, 'certificate-authority-data': authority }),
      users: named('user', { token: bearer }),
      contexts: named('context', { cluster: 'x', user: 'x' }),
      'current-context': 'x',
    }),
  );
  return file;
}
const whoAmI = async (kubeconfig: string): Promise<string> => {
  const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
  const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
  return (await ask(kubeconfig, 'POST', path, review)).status.userInfo.username as string;
};
const issuerOf = (...path: string[]): string => new X509Certificate(readFileSync(at(...path))).issuer;

beforeAll(async () => {
  before = traces();
  // JSON is YAML.
  writeFileSync(at('config.yaml'), JSON.stringify(settings));
  writeFileSync(at('agent.yaml'), JSON.stringify(agentSettings));
  const ranges = ['--cluster-cidr', `10.216.${octet}.0/24`, '--service-cidr', `10.217.${octet}.0/24`];
  const url = await server('s1', ...ranges);
  await server('s2', '--join', url, '--token', await token('server'));
  const joining = ['--server', url, '--token', await token('agent'), '--node-name', 'node-r'];
  const agent = cluster.start('agent', 'agent', ...agentArgs, ...joining, '--node-address', '127.0.0.1');
  await agent.says('is Ready after');
});
afterAll(async () => {
  await cluster.dispose();
  expect(newTraces(before)).toEqual([]);
});

it('goes on while the authority is replaced, and keeps its Secrets and tokens', async () => {
  const files = ['s1', 's2'].map((name) => {
    copyFileSync(at(name, 'kubeconfig'), at(`${name}.old`));
    return at(`${name}.old`);
  });
  const [first = ''] = files;
  await ask(first, 'POST', '/api/v1/namespaces/default/secrets', { metadata: { name: 'kept' }, data });
  const accounts = '/api/v1/namespaces/default/serviceaccounts';
  await ask(first, 'POST', accounts, { metadata: { name: 'robot' } });
  const { status } = await ask(first, 'POST', `${accounts}/robot/token`, { spec: { expirationSeconds: 3600 } });
  const robot = as(first, status.token as string);
  for (const name of ['s2', 'agent']) cpSync(at(name, 'pki'), at('away', name), { recursive: true });
  let count = 0;
  // Whatever is under way, clients of before are served by both servers.
  const goesOn = async (): Promise<void> => {
    for (const file of files) await ask(file, 'POST', configMaps, { metadata: { name: `c${(count += 1)}` } });
    expect(await whoAmI(robot)).toBe('system:serviceaccount:default:robot');
  };
  expect(await certificates('status')).toMatchObject({ phase: 'stable', signer: { commonName: 'timonel-ca' } });
  await run('certificates', 'rotate-ca', '--now');
  await expect(run('certificates', 'rotate-ca')).rejects.toThrow('is being replaced since');
  await until(
    async () => {
      await goesOn();
      const { phase, waitingFor } = await certificates('status');
      return phase === 'issue' && waitingFor.length === 0;
    },
    { what: 'everybody to have certificates of the new authority', timeoutMs: 90_000, abortOnThrow: true },
  );
  expect(await certificates('retire-ca')).toMatchObject({ phase: 'stable' });
  const bundle = (): string => readFileSync(at('s2', 'pki', 'ca.crt'), 'utf8');
  await until(() => bundle().match(/BEGIN/g)?.length === 1, { what: 'the other server to follow' });
  for (const path of [
    's1/pki/apiserver.crt',
    's1/pki/peer.crt',
    's2/pki/peer.crt',
    's2/pki/master-client.crt',
    'agent/pki/node.crt',
  ])
    expect(issuerOf(path)).toMatch(/^CN=timonel-ca@\d+$/);
  await until(
    async () => {
      await goesOn();
      const { data: published } = await ask(at('s1', 'kubeconfig'), 'GET', `${configMaps}/kube-root-ca.crt`);
      return published['ca.crt'] === bundle() && readKubeconfig(at('s1', 'kubeconfig')).caCertificate === bundle();
    },
    { what: 'pods and the kubeconfig to have the new authority alone', timeoutMs: 60_000, abortOnThrow: true },
  );
  // A new connection of the node, which shows its new certificate.
  const lease = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/node-r';
  const beat = async (): Promise<string> => (await ask(first, 'GET', lease)).spec.renewTime as string;
  const last = await beat();
  await until(async () => (await beat()) !== last, { what: 'a heartbeat of the node' });
  expect(cluster.running('agent').running).toBe(true);
  await server('s3', '--join', readKubeconfig(first).server, '--token', await token('server'));
  expect((await ask(at('s3', 'kubeconfig'), 'GET', secret)).data).toEqual(data);
  expect(await whoAmI(as(at('s3', 'kubeconfig'), status.token as string))).toBe('system:serviceaccount:default:robot');
});

it('takes machines in again that were away all the while: a server as the same member, a node under its name', async () => {
  const url = readKubeconfig(at('s1', 'kubeconfig')).server;
  expect([await cluster.running('s2').end(), await cluster.running('agent').end()]).toEqual([0, 0]);
  for (const file of ['ca.crt', 'ca.key', 'peer.crt', 'apiserver.crt', 'master-client.crt'])
    copyFileSync(at('away', 's2', file), at('s2', 'pki', file));
  rmSync(at('s2', 'pki', 'ca-chain.crt'));
  for (const file of ['ca.crt', 'node.crt']) copyFileSync(at('away', 'agent', file), at('agent', 'pki', file));
  const foreign = `tml1.aaaaaa.${'a'.repeat(32)}.${'b'.repeat(64)}`;
  expect(await timonel(['agent', '--data-dir', at('agent'), ...agentArgs, '--token', foreign])).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('belongs to another cluster'),
  });
  const serverArgs = ['--config', at('config.yaml'), '--join', url, '--token', await token('server')];
  await cluster.start('server', 's2', ...serverArgs).says('is Ready after');
  expect(cluster.running('s2').output).toContain('joins again as the same member');
  await cluster.start('agent', 'agent', ...agentArgs, '--token', await token('agent')).says('is Ready after');
  expect(issuerOf('agent', 'pki', 'node.crt')).toMatch(/^CN=timonel-ca@\d+$/);
  expect((await ask(at('s2', 'kubeconfig'), 'GET', secret)).data).toEqual(data);
  const { items } = await ask(at('s1', 'kubeconfig'), 'GET', '/api/v1/nodes');
  expect(items).toHaveLength(1);
  const members = JSON.parse(await run('store', 'status', '-o', 'json')) as { members: unknown[] };
  expect(members.members).toHaveLength(3);
});
