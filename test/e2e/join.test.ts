/** A cluster of two processes: `timonel server` and `timonel agent`, by a token; and what each does without the other. */
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { X509Certificate } from 'node:crypto';
import { Background } from '../support/background.ts';
import { freePort } from '@timonel/testkit/free-port';
import { runProgram, timonel, type RunResult } from '../support/cluster.ts';
import { kubernetesTools } from '../support/kubectl.ts';
import { newTraces, traces } from '../support/machine.ts';
import { pidsWithEnvironment } from '../support/processes.ts';
import { until } from '../support/until.ts';

// Processes start and stop in every test, on a machine that may be busy with others.
jest.setTimeout(180_000);

const directory = mkdtempSync(join(tmpdir(), 'timonel-join-'));
const serverDir = join(directory, 'server');
const agentDir = join(directory, 'agent');
const octet = 16 + (process.pid % 200);
const mark = `TIMONEL_JOIN_TEST=${process.pid}`;
let before: readonly string[];
let url: string;
let serverArgs: string[];
let server: Background | undefined;
let agent: Background | undefined;

const at = (path: string): string => join(serverDir, path);
async function kubectl(...args: string[]): Promise<RunResult> {
  const tools = await kubernetesTools();
  return runProgram(tools.kubectl, ['--kubeconfig', at('kubeconfig'), ...args]);
}
async function token(...args: string[]): Promise<string> {
  const made = await timonel(['token', 'create', '--data-dir', serverDir, ...args]);
  expect({ status: made.status, stderr: made.stderr }).toMatchObject({ status: 0 });
  return made.stdout.trim();
}
let refusals = 0;
/** `timonel agent` on a fresh directory, which must end by itself. */
function agentOnce(...args: string[]): Promise<RunResult> {
  refusals += 1;
  return timonel(['agent', '--data-dir', join(directory, `refused-${refusals}`), '--node-name', 'n2', ...args], {
    timeoutMs: 30_000,
  });
}
const isReady = async (): Promise<boolean> =>
  /^node-a\s+Ready\s/m.test((await kubectl('get', 'nodes', '--no-headers')).stdout);

beforeAll(async () => {
  before = traces();
  const [port, peerPort] = [await freePort(), await freePort()];
  url = `https://127.0.0.1:${port}`;
  serverArgs = [
    'server',
    '--data-dir',
    serverDir,
    '--name',
    'server-1',
    '--listen',
    `127.0.0.1:${port}`,
    '--peer-listen',
    `127.0.0.1:${peerPort}`,
    '--cluster-cidr',
    `10.212.${octet}.0/24`,
    '--service-cidr',
    `10.213.${octet}.0/24`,
  ];
  server = new Background(serverArgs);
  await server.says('is Ready after');
});

afterAll(async () => {
  await agent?.end();
  try {
    // Containers outlive the agent: one that removes them leaves the machine as it was.
    const last = new Background(['agent', '--data-dir', agentDir, '--on-shutdown', 'remove']);
    await last.says('Ctrl-C stops the agent');
    await last.end();
  } finally {
    await server?.end();
    rmSync(directory, { recursive: true, force: true });
  }
  expect(newTraces(before)).toEqual([]);
});

describe('timonel token', () => {
  it('makes, lists and revokes tokens, and shows a secret once', async () => {
    const text = await token('--ttl', '10m', '--description', 'for a test');
    expect(text).toMatch(/^tml1\.[a-z0-9]{6}\.[a-z0-9]{32}\.[0-9a-f]{64}$/);
    const [, id = '', secret = '', pin = ''] = text.split('.');
    const ca = new X509Certificate(readFileSync(at('pki/ca.crt')));
    const { createHash } = await import('node:crypto');
    expect(pin).toBe(
      createHash('sha256')
        .update(ca.publicKey.export({ type: 'spki', format: 'der' }))
        .digest('hex'),
    );
    const listed = await timonel(['token', 'list', '--data-dir', serverDir]);
    expect(listed.stdout).toMatch(new RegExp(`^${id}\\s+agent\\s+\\S+\\s+for a test`, 'm'));
    const stored = await kubectl('-n', 'kube-system', 'get', 'secret', `bootstrap-token-${id}`, '-o', 'json');
    const data = JSON.parse(stored.stdout) as { data: Record<string, string> };
    for (const value of Object.values(data.data)) expect(Buffer.from(value, 'base64').toString()).not.toContain(secret);
    expect((await timonel(['token', 'revoke', id, '--data-dir', serverDir])).status).toBe(0);
    expect((await timonel(['token', 'list', '--data-dir', serverDir])).stdout).not.toContain(id);
    const again = await timonel(['token', 'revoke', id, '--data-dir', serverDir]);
    expect(again).toMatchObject({ status: 1, stderr: expect.stringContaining(`no join token "${id}"`) });
  });
});

describe('a join is refused', () => {
  const otherPin = (text: string): string => text.replace(/[0-9a-f]{64}$/, 'a'.repeat(64));
  it('without a token, with half a token, and where nobody answers', async () => {
    expect(await agentOnce('--server', url)).toMatchObject({ status: 2, stderr: expect.stringContaining('--token') });
    expect(await agentOnce('--token', 'tml1.x', '--server', url)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('not whole'),
    });
    expect(await agentOnce('--token', 'x')).toMatchObject({ status: 2, stderr: expect.stringContaining('--server') });
    const away = `https://127.0.0.1:${await freePort()}`;
    expect(await agentOnce('--token', await token(), '--server', away)).toMatchObject({
      status: 3,
      stderr: expect.stringContaining('ECONNREFUSED'),
    });
  });

  it('when the token is of another cluster, revoked, expired, or of another role', async () => {
    const good = await token();
    const other = await agentOnce('--server', url, '--token', otherPin(good));
    expect(other).toMatchObject({ status: 1, stderr: expect.stringContaining('nothing secret was sent') });
    await timonel(['token', 'revoke', good, '--data-dir', serverDir]);
    const short = await token('--ttl', '1s');
    const [, shortId = ''] = short.split('.');
    // An attempt that comes before would join.
    await until(
      async () => {
        const { stdout } = await timonel(['token', 'list', '--data-dir', serverDir, '-o', 'json']);
        const listed = (JSON.parse(stdout) as { id: string; expired: boolean }[]).find(({ id }) => id === shortId);
        return listed?.expired !== false;
      },
      { what: 'the time of the token to be over' },
    );
    const expired = await until(
      async () => {
        const result = await agentOnce(
          '--server',
          url,
          '--token',
          short,
          '--pod-cidr',
          `10.212.${octet}.0/24`,
          '--disable',
          'none',
        );
        return result.stderr.includes('the join token is refused') ? result : undefined;
      },
      { what: 'the token to expire' },
    );
    const revoked = await agentOnce('--server', url, '--token', good);
    const role = await agentOnce('--server', url, '--token', await token('--role', 'server'));
    for (const result of [expired, revoked, role]) expect(result.status).toBe(1);
    // One sentence for all: who is outside learns nothing.
    expect(new Set([expired, revoked, role].map(({ stderr }) => stderr)).size).toBe(1);
  });

  it('for data of another role', async () => {
    const up = await timonel(['up', '--data-dir', serverDir]);
    expect(up).toMatchObject({ status: 2, stderr: expect.stringContaining('timonel server') });
    const joined = await timonel(['agent', '--data-dir', serverDir, '--server', url, '--token', 'x']);
    expect(joined).toMatchObject({ status: 2, stderr: expect.stringContaining('a server of a cluster') });
  });
});

describe('an agent', () => {
  const pods = async (): Promise<{ containerID: string; restartCount: number }> => {
    const { stdout } = await kubectl('get', 'pod', 'p1', '-o', 'json');
    const pod = JSON.parse(stdout) as {
      status: { containerStatuses: { containerID: string; restartCount: number; ready: boolean }[] };
    };
    const [status] = pod.status.containerStatuses;
    if (status?.ready !== true) throw new Error('not ready');
    return { containerID: status.containerID, restartCount: status.restartCount };
  };
  let pids: number[];

  it('joins by a token: kubectl shows the node, and a pod runs there', async () => {
    agent = new Background(
      ['agent', '--data-dir', agentDir, '--server', url, '--node-name', 'node-a', '--node-address', '127.0.0.1'],
      { TIMONEL_JOIN_TOKEN: await token() },
    );
    await agent.says('Agent of node node-a runs');
    await until(isReady, { what: () => `the node to be Ready; the agent said:\n${agent?.output}` });
    const shown = await kubectl('get', 'node', 'node-a', '-o', 'jsonpath={.spec.podCIDR}');
    expect(shown.stdout).toBe(`10.212.${octet}.0/24`);
    const certificate = new X509Certificate(readFileSync(join(agentDir, 'pki', 'node.crt')));
    expect(certificate.subject).toContain('CN=system:node:node-a');
    expect(statSync(join(agentDir, 'pki', 'node.key')).mode & 0o777).toBe(0o600);
    expect(() => statSync(join(agentDir, 'pki', 'ca.key'))).toThrow('ENOENT');
    const [name = '', value = ''] = mark.split('=');
    const run = await kubectl(
      'run',
      'p1',
      '--image=timonel.local/node:host',
      `--env=${name}=${value}`,
      '--command',
      '--',
      'sleep',
      '100000',
    );
    expect(run).toMatchObject({ status: 0 });
    await until(pods, { what: 'the pod to be ready', timeoutMs: 60_000 });
    pids = pidsWithEnvironment(mark);
    expect(pids.length).toBeGreaterThan(0);
  });

  it('has its name for itself', async () => {
    const result = await timonel([
      'agent',
      '--data-dir',
      join(directory, 'second'),
      '--server',
      url,
      '--node-name',
      'node-a',
      '--token',
      await token(),
    ]);
    expect(result).toMatchObject({ status: 1, stderr: expect.stringContaining('kubectl delete node node-a') });
  });

  it('starts again without a token and without a server; pods go on; the server comes back without flags', async () => {
    const first = await pods();
    expect(await agent?.end()).toBe(0);
    expect(await server?.end('SIGKILL')).toBe('SIGKILL');
    expect(pidsWithEnvironment(mark)).toEqual(pids);
    agent = new Background(['agent', '--data-dir', agentDir]);
    await agent.says('Agent of node node-a runs');
    server = new Background(['server', '--data-dir', serverDir]);
    await server.says('is Ready after');
    await until(isReady, { what: 'the node to be Ready again' });
    expect(await until(pods, { what: 'the pod' })).toEqual(first);
    expect(pidsWithEnvironment(mark)).toEqual(pids);
    const { stdout } = await kubectl('get', 'nodes', '--no-headers');
    expect(stdout.trim().split('\n')).toHaveLength(1);
  });

  it('refuses a token of another cluster, and another name', async () => {
    expect(await agent?.end()).toBe(0);
    const run = (...args: string[]): Promise<RunResult> => timonel(['agent', '--data-dir', agentDir, ...args]);
    expect(await run('--token', `tml1.aaaaaa.${'a'.repeat(32)}.${'b'.repeat(64)}`)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('belongs to another cluster'),
    });
    expect(await run('--node-name', 'other')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('has joined as node-a'),
    });
  });
});
