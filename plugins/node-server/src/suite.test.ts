import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import { nodeEndpoint, type LogOptions, type NodeEndpoint } from '@timonel/sdk/contracts/node';
import { ApiError } from '@timonel/sdk/kube';
import { issueIdentity, makeAuthority, type Identity } from '@timonel/sdk/pki';
import { fakeService, pluginSuite, refusingNode, startTestKernel, until, type TestKernel } from '@timonel/testkit';
import plugin from './index.ts';

const env = createRealEnv();
const directory = mkdtempSync(join(tmpdir(), 'timonel-node-'));
const file = (name: string): string => join(directory, name);
const files = { caFile: file('ca.crt'), certFile: file('node.crt'), keyFile: file('node.key') };
const listen = { address: '127.0.0.1', port: 0 };
let authority: Identity;
let kernel: TestKernel | undefined;

const client = (organization: string, issuer: Identity = authority): Promise<Identity> =>
  issueIdentity(env, issuer, { commonName: 'caller', organizations: [organization], usages: ['client'] });

async function writeNode(issuer: Identity, commonName = 'system:node:a'): Promise<void> {
  const identity = await issueIdentity(env, issuer, {
    commonName,
    organizations: ['system:nodes'],
    usages: ['server'],
  });
  writeFileSync(files.caFile, issuer.certificatePem);
  writeFileSync(files.keyFile, identity.keyPem);
  writeFileSync(files.certFile, identity.certificatePem);
}

beforeAll(async () => {
  authority = await makeAuthority(env);
  await writeNode(authority);
});
afterEach(async () => {
  await kernel?.stop();
  kernel = undefined;
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

pluginSuite('node-server', () => ({
  entry: { definition: plugin, source: 'built-in', config: { ...files, listen } },
  dependencies: [fakeService(nodeEndpoint, { nodeName: () => 'a' })],
}));

interface Answer {
  readonly code: number;
  readonly text: string;
  readonly server: string;
}

function portOfNode(): number {
  const line = kernel?.log.lines.find(({ fields }) => typeof fields['port'] === 'number');
  return Number(line?.fields['port']);
}

/** Asks the node; `identity` undefined: without a certificate. */
function ask(path: string, identity: Identity | undefined, method = 'GET'): Promise<Answer> {
  const port = portOfNode();
  const tls = identity === undefined ? {} : { cert: identity.certificatePem, key: identity.keyPem };
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path, method, agent: false as const, rejectUnauthorized: false, ...tls };
    const asked = request(options, (response) => {
      let text = '';
      const { socket } = response as unknown as { socket: import('node:tls').TLSSocket };
      const { subject } = socket.getPeerCertificate();
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve({ code: response.statusCode ?? 0, text, server: String(subject.CN) }));
      response.on('error', reject);
    });
    asked.on('error', reject);
    asked.end();
  });
}

async function start(logs: NodeEndpoint['logs'], more: object = {}): Promise<void> {
  kernel = await startTestKernel({
    plugins: [plugin, fakeService(nodeEndpoint, { ...refusingNode, nodeName: () => 'a', logs })],
    config: { 'node-server': { ...files, listen, ...more } },
  });
}

const path = '/containerLogs/default/web/app?uid=u1';

describe('the server of a node', () => {
  it('gives logs to masters, with the options asked for', async () => {
    let seen: unknown;
    await start(async function* logs(pod, options) {
      seen = { ...pod, ...options };
      yield Buffer.from('one\n');
      yield Buffer.from('two\n');
    });
    const query = '&follow=true&tailLines=5&limitBytes=9&sinceSeconds=3&timestamps=true&stream=Stderr';
    const answer = await ask(path + query, await client('timonel:masters'));
    expect(answer).toMatchObject({ code: 200, text: 'one\ntwo\n' });
    expect(seen).toMatchObject({
      namespace: 'default',
      name: 'web',
      uid: 'u1',
      container: 'app',
      follow: true,
      previous: false,
      timestamps: true,
      tailLines: 5,
      limitBytes: 9,
      sinceSeconds: 3,
      sinceTime: undefined,
      stream: 'Stderr',
    });
  });

  it('lets only masters in', async () => {
    await start(async function* logs() {
      yield Buffer.from('secret\n');
    });
    expect(await ask(path, await client('system:masters'))).toMatchObject({ code: 200, text: 'secret\n' });
    const refused = await ask(path, await client('system:nodes'));
    expect(refused.code).toBe(403);
    expect(JSON.parse(refused.text)).toMatchObject({ kind: 'Status', reason: 'Forbidden' });
    const unknown = await ask(path, undefined);
    expect([unknown.code, JSON.parse(unknown.text)]).toMatchObject([401, { reason: 'Unauthorized' }]);
    const stranger = await makeAuthority(env);
    expect((await ask(path, await client('timonel:masters', stranger))).code).toBe(401);
  });

  it('passes a refusal of the agent on', async () => {
    // oxlint-disable-next-line require-yield
    await start(async function* logs() {
      await Promise.resolve();
      throw new ApiError('BadRequest', 'container "app" in pod "web" is waiting to start: ContainerCreating');
    });
    const answer = await ask(path, await client('timonel:masters'));
    expect(answer.code).toBe(400);
    expect(JSON.parse(answer.text)).toMatchObject({ kind: 'Status', message: expect.stringContaining('waiting') });
  });

  it('ends the log when the reader goes', async () => {
    let options: LogOptions | undefined;
    await start(async function* logs(_pod, given) {
      options = given;
      yield Buffer.from('line\n');
      await new Promise<void>((resolve) => given.signal.addEventListener('abort', () => resolve()));
    });
    const identity = await client('timonel:masters');
    const answered = ask(`${path}&follow=true`, identity);
    answered.catch(() => undefined);
    await until(() => options !== undefined, { what: 'the request' });
    const stopping = kernel?.stop();
    await until(() => options?.signal.aborted === true, { what: 'the signal' });
    await stopping;
    await expect(answered).rejects.toMatchObject({ code: expect.any(String) });
  });

  it('shows its metrics, and what the node and its pods use', async () => {
    const containers = [
      { name: 'app', cpuUsageNanos: 1.5e9, memoryWorkingSetBytes: 2048 },
      { name: 'side', cpuUsageNanos: 5e8, memoryWorkingSetBytes: 1024 },
    ];
    const own = { nodeName: 'a', time: 1, cpuUsageNanos: 9e9, memoryWorkingSetBytes: 4096 };
    const usage = async () => ({ ...own, pods: [{ namespace: 'default', name: 'web', uid: 'u1', containers }] });
    kernel = await startTestKernel({
      plugins: [plugin, fakeService(nodeEndpoint, { ...refusingNode, nodeName: () => 'a', usage })],
      config: { 'node-server': { ...files, listen } },
    });
    const identity = await client('timonel:masters');
    const resource = await ask('/metrics/resource', identity);
    for (const line of [
      'container_cpu_usage_seconds_total{container="app",namespace="default",pod="web"} 1.5',
      'node_cpu_usage_seconds_total 9',
      'node_memory_working_set_bytes 4096',
      'pod_cpu_usage_seconds_total{namespace="default",pod="web"} 2',
      'pod_memory_working_set_bytes{namespace="default",pod="web"} 3072',
    ]) {
      expect(resource.text.split('\n')).toContain(line);
    }
    expect((await ask('/metrics', identity)).text).toContain('timonel_plugin_state{plugin="node-server",');
    expect((await ask('/metrics', undefined)).code).toBe(401);
  });

  it.each([
    ['GET', '/containerLogs/default/web', 400],
    ['GET', '/containerLogs/default/web/app', 400],
    ['GET', `${path}&tailLines=-1`, 400],
    ['GET', `${path}&stream=Both`, 400],
    ['GET', '/containerLogs/default/%E0%A4%A/app?uid=u1', 400],
    ['GET', '/pods', 503],
    ['GET', '/logs/', 404],
    ['POST', path, 405],
    ['GET', '/healthz', 200],
  ])('%s %s: %i', async (method, asked, code) => {
    await start(async function* logs() {
      yield* [];
    });
    expect((await ask(asked, await client('timonel:masters'), method)).code).toBe(code);
  });

  it('shows a certificate that was replaced, without a restart', async () => {
    await start(
      async function* logs() {
        yield* [];
      },
      { credentialsIntervalMs: 30 },
    );
    const identity = await client('timonel:masters');
    expect((await ask('/healthz', identity)).server).toBe('system:node:a');
    await writeNode(authority, 'system:node:renewed');
    const renewed = async (): Promise<boolean> => (await ask('/healthz', identity)).server === 'system:node:renewed';
    await until(renewed, { what: 'the new certificate' });
  });

  it('closes a connection whose upgrade it refused, also when the caller keeps its side open', async () => {
    await start(
      async function* logs() {
        yield* [];
      },
      { connections: 1 },
    );
    const { certificatePem: cert, keyPem: key } = await client('timonel:masters');
    const socket = connect({ host: '127.0.0.1', port: portOfNode(), allowHalfOpen: true });
    const caller = connectTls({ socket, cert, key, rejectUnauthorized: false });
    let text = '';
    caller.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    try {
      const ended = new Promise((resolve) => caller.once('end', resolve));
      caller.write('GET /exec/default/web HTTP/1.1\r\nHost: node\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
      await ended;
      expect(text).toMatch(/^HTTP\/1\.1 400 .*"the path must be/s);
      const served = (): Promise<boolean> =>
        ask('/healthz', { certificatePem: cert, keyPem: key }).then(
          () => true,
          () => false,
        );
      await until(served, { what: 'the one place to be free again' });
    } finally {
      caller.destroy();
    }
  });

  it('says what is wrong with its files or its address', async () => {
    const failed = async (config: object): Promise<string> => {
      const other = await startTestKernel({
        plugins: [plugin, fakeService(nodeEndpoint, {})],
        config: { 'node-server': { ...files, listen, ...config } },
      });
      const { reason } = other.control.info('node-server');
      await other.stop();
      return String(reason);
    };
    expect(await failed({ certFile: file('absent') })).toContain('certFile');
    expect(await failed({ listen: { address: '192.0.2.1', port: 0 } })).toContain('does not have the address');
  });
});
