/** pods/exec and pods/attach over WebSocket, against a node whose containers are processes of this machine. */
import type { Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { definePlugin, kernelMetrics } from '@timonel/sdk';
import { apiHooks, type AdmissionContext } from '@timonel/sdk/contracts/api-server';
import { pods } from '@timonel/sdk/kube';
import { until } from '@timonel/testkit';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';
import { ProcessNode } from '../support/process-node.ts';
import { SessionClient, type SessionClientOptions } from '../support/session-client.ts';

const seen: [AdmissionContext, unknown][] = [];
const guard = definePlugin({
  name: 'guard',
  version: '0.1.0',
  apiVersion: 1,
  setup(ctx) {
    ctx.tap(apiHooks.objectValidate, (object, context) => {
      if (context.operation !== 'CONNECT') return undefined;
      seen.push([context, object]);
      if ((object['command'] as string[] | undefined)?.[0] !== 'forbidden') return undefined;
      return [{ field: 'command', reason: 'FieldValueForbidden', message: 'Forbidden: not here' }];
    });
    return {};
  },
});

const node = new ProcessNode('n1');
const execPath = '/api/v1/namespaces/default/pods/a/exec';
const clients: SessionClient[] = [];
let server: TestApiServer;

const limit = 8;
beforeAll(async () => {
  server = await startApiServer({
    plugins: [node.plugin(), guard],
    apiserver: { limits: { streams: limit } },
  });
  const containers = [
    { name: 'app', image: 'i' },
    { name: 'side', image: 'i' },
  ];
  const spec = { nodeName: 'n1', containers, initContainers: [{ name: 'first', image: 'i' }] };
  const annotations = { 'kubectl.kubernetes.io/default-container': 'side' };
  await server.api.create(pods, { metadata: { name: 'a', namespace: 'default' }, spec });
  await server.api.create(pods, { metadata: { name: 'chosen', namespace: 'default', annotations }, spec });
  await server.api.create(pods, {
    metadata: { name: 'unbound', namespace: 'default' },
    spec: { containers: [{ name: 'app', image: 'i' }] },
  });
  await server.api.create(pods, {
    metadata: { name: 'lost', namespace: 'default' },
    spec: { nodeName: 'n2', containers: [{ name: 'app', image: 'i' }] },
  });
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.socket.terminate();
  await until(() => node.processes.size === 0, { what: 'all processes to be gone' });
});
afterAll(async () => {
  node.stop();
  await server?.stop();
});

function query(command: readonly string[], flags = 'stdout=true&stderr=true'): string {
  return `?${flags}${command.map((word) => `&command=${encodeURIComponent(word)}`).join('')}`;
}

function open(path: string, options: SessionClientOptions = {}): SessionClient {
  const client = new SessionClient(server.url, path, { token: server.token, ...options });
  clients.push(client);
  return client;
}

const exec = (command: readonly string[], flags?: string, options?: SessionClientOptions): SessionClient =>
  open(`${execPath}${query(command, flags)}`, options);

/** The sum of all series of a metric that have these label values. */
function counted(name: string, ...values: readonly string[]): number {
  const family = server.kernel
    .service(kernelMetrics)
    .collect()
    .find((one) => one.name === name);
  const samples = family?.samples.filter(({ labels }) =>
    values.every((value) => labels.some(([, own]) => own === value)),
  );
  return samples?.reduce((sum, { value }) => sum + value, 0) ?? 0;
}

describe('a session', () => {
  it('counts as a long-running request as long as it is open, and then by its code', async () => {
    const open = (): number => counted('apiserver_longrunning_requests', 'CONNECT', 'exec');
    const [openBefore, endedBefore] = [open(), counted('apiserver_request_total', 'CONNECT', 'exec', '101')];
    const client = exec(['cat'], 'stdin=true&stdout=true');
    await client.opened;
    expect(open()).toBe(openBefore + 1);
    client.end(0);
    await client.closed;
    await until(() => open() === openBefore, { what: 'the session to be counted as ended' });
    expect(counted('apiserver_request_total', 'CONNECT', 'exec', '101')).toBe(endedBefore + 1);
  });

  it('brings output, errors and the exit code, and then closes as it should', async () => {
    const client = exec(['sh', '-c', 'echo out; echo err >&2; exit 3']);
    await client.closed;
    expect([client.text(1), client.text(2), client.closeCode]).toEqual(['out\n', 'err\n', 1000]);
    expect(client.status()).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: 'command terminated with non-zero exit code: exit status 3',
      reason: 'NonZeroExitCode',
      details: { causes: [{ reason: 'ExitCode', message: '3' }] },
    });
    // The first message says that the connection stands.
    expect(client.messages[0]).toEqual(Buffer.from([1]));
  });

  it('says Success at the end of what succeeds', async () => {
    const client = exec(['true']);
    await client.closed;
    expect(client.status()).toEqual({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success' });
  });

  it('takes stdin until the client ends it, and goes on afterwards', async () => {
    const client = exec(['sh', '-c', 'cat; echo done'], 'stdin=true&stdout=true');
    await client.opened;
    client.send(0, 'one\n');
    await until(() => client.text(1) === 'one\n', { what: 'the echo' });
    client.end(0);
    await client.closed;
    expect([client.text(1), client.status().status]).toEqual(['one\ndone\n', 'Success']);
  });

  it('carries many bytes both ways, unchanged', async () => {
    const client = exec(['cat'], 'stdin=true&stdout=true');
    await client.opened;
    const chunk = Buffer.alloc(100_000, 'x');
    for (let index = 0; index < 80; index += 1) client.send(0, chunk);
    client.end(0);
    await client.closed;
    expect([client.bytes(1).length, client.status().status]).toEqual([8_000_000, 'Success']);
  });

  it('holds a process back whose client does not read', async () => {
    const client = exec(['yes'], 'stdout=true');
    await client.opened;
    client.socket.pause();
    await until(() => node.processes.size === 1, { what: 'the process' });
    const [child] = node.processes;
    const read = (): number => (child?.stdout as Socket | undefined)?.bytesRead ?? 0;
    let before = -1;
    // Standing still between two looks half a second apart.
    await until(() => before === (before = read()), { what: 'the output to stand still', intervalMs: 500 });
    // Buffers of both sockets and of the streams between them.
    expect(before).toBeLessThan(32_000_000);
    client.socket.resume();
    await until(() => read() > before, { what: 'the output to go on' });
  });

  it('passes sizes of the terminal on, in any spelling', async () => {
    const client = exec(['cat'], 'stdin=true&stdout=true&stderr=true&tty=true');
    await client.opened;
    client.send(4, '{"Width":80,"Height":24}');
    client.send(4, '{"width":100,');
    client.send(4, '"height":50}');
    client.send(4, '{"Width":-1,"Height":0}{broken}');
    await until(() => node.sizes.length === 2, { what: 'two sizes' });
    expect(node.sizes).toEqual([
      { columns: 80, rows: 24 },
      { columns: 100, rows: 50 },
    ]);
    client.end(0);
    await client.closed;
    expect(client.status().status).toBe('Success');
  });

  it('does not hold a client back that sends to nobody', async () => {
    const client = exec(['sh', '-c', 'exec 0<&-; sleep 0.1; echo done'], 'stdin=true&stdout=true');
    await client.opened;
    for (let index = 0; index < 50; index += 1) client.send(0, Buffer.alloc(50_000));
    await client.closed;
    expect(client.text(1)).toBe('done\n');
  });

  it('joins what runs, with attach', async () => {
    node.attached = ['sh', '-c', 'read line; echo "got $line"'];
    const client = open('/api/v1/namespaces/default/pods/a/attach?stdin=true&container=app');
    await client.opened;
    client.send(0, 'this\n');
    await client.closed;
    expect(client.text(1)).toBe('got this\n');
    expect(node.asked.at(-1)).toEqual({ container: 'app', stdin: true, tty: false });
  });

  it.each([
    ['a', '', 'app'],
    ['a', '&container=first', 'first'],
    ['chosen', '', 'side'],
    ['chosen', '&container=app', 'app'],
  ])('chooses the container: pod %s, query %s', async (pod, named, container) => {
    const client = open(`/api/v1/namespaces/default/pods/${pod}/exec?stdout=1&command=true${named}`);
    await client.closed;
    expect(node.asked.at(-1)).toMatchObject({ container, command: ['true'] });
  });
});

it('what comes in a channel after its end is dropped', async () => {
  const client = exec(['sh', '-c', 'cat; echo done'], 'stdin=true&stdout=true');
  await client.opened;
  client.send(0, 'one\n');
  client.end(0);
  client.end(0);
  client.send(0, 'two\n');
  client.send(9, 'to nobody');
  client.end(9);
  client.socket.send(Buffer.from([255]));
  client.socket.send(Buffer.alloc(0));
  client.socket.send('text');
  await client.closed;
  expect([client.text(1), client.status().status]).toEqual(['one\ndone\n', 'Success']);
});

describe('protocols of a session', () => {
  it.each(['v4.channel.k8s.io', 'v5.channel.k8s.io'])('speaks %s', async (name) => {
    const client = exec(['echo', 'x'], undefined, { protocols: [name] });
    await client.closed;
    expect([client.socket.protocol, client.text(1), client.status().status]).toEqual([name, 'x\n', 'Success']);
  });

  it('takes the first that both know', async () => {
    const client = exec(['true'], undefined, {
      protocols: ['v9.channel.k8s.io', 'v4.channel.k8s.io', 'channel.k8s.io'],
    });
    await client.closed;
    expect(client.socket.protocol).toBe('v4.channel.k8s.io');
  });

  it.each(['base64.channel.k8s.io', 'v4.base64.channel.k8s.io'])('speaks base64: %s', async (name) => {
    const client = exec(['cat'], 'stdin=true&stdout=true', { protocols: [name] });
    await client.opened;
    client.socket.send(`0${Buffer.from('text\n').toString('base64')}`);
    await until(() => client.text(1) === 'text\n', { what: 'the echo' });
  });

  it.each([['channel.k8s.io'], []])('sends the text of an error to the oldest: %s', async (...names) => {
    const client = exec(['false'], undefined, { protocols: names });
    await client.closed;
    expect(client.text(3)).toBe('command terminated with non-zero exit code: exit status 1');
  });

  it('takes a token from the sub-protocols, and names another one', async () => {
    const token = `base64url.bearer.authorization.k8s.io.${Buffer.from(server.token).toString('base64url')}`;
    const path = `${execPath}${query(['true'])}`;
    const client = new SessionClient(server.url, path, { protocols: [token, 'v4.channel.k8s.io'] });
    await client.closed;
    expect([client.socket.protocol, client.status().status]).toEqual(['v4.channel.k8s.io', 'Success']);
    for (const protocols of [[token], [`${token}x`, 'v4.channel.k8s.io'], [token, `${token}A`, 'v4.channel.k8s.io']]) {
      const refused = new SessionClient(server.url, path, { protocols });
      await refused.opened;
      expect(refused.refused?.status).toBe(401);
    }
  });
});

describe('a refusal comes as a Status before any upgrade', () => {
  it.each<[string, string, number, string]>([
    ['no pod', `/api/v1/namespaces/default/pods/none/exec${query(['ls'])}`, 404, 'pods "none" not found'],
    ['no container', `${execPath}${query(['ls'])}&container=x`, 400, 'container x is not valid for pod a'],
    ['no command', `${execPath}?stdout=true`, 400, 'you must specify a command'],
    ['no streams', `${execPath}?command=ls`, 400, 'you must specify at least 1 of stdin, stdout, stderr'],
    ['not bound', `/api/v1/namespaces/default/pods/unbound/exec${query(['ls'])}`, 400, 'does not have a host assigned'],
    ['node away', `/api/v1/namespaces/default/pods/lost/exec${query(['ls'])}`, 503, 'no connection to node "n2"'],
    ['node refuses', `${execPath}${query(['/no/such/program'])}`, 400, 'cannot run /no/such/program'],
    ['admission', `${execPath}${query(['forbidden'])}`, 422, 'Forbidden: not here'],
    ['below', `${execPath}/more${query(['ls'])}`, 404, 'could not find the requested resource'],
  ])('%s', async (_name, path, status, text) => {
    const client = open(path);
    await client.opened;
    expect(client.refused).toMatchObject({ status, body: { kind: 'Status', code: status } });
    expect(client.refused?.body.message).toContain(text);
  });

  it('of protocols that nobody speaks', async () => {
    const client = exec(['ls'], undefined, { protocols: ['soap'] });
    await client.opened;
    expect(client.refused?.body.message).toContain('the client offers "soap"; this server speaks v5.channel.k8s.io');
  });

  it('of requests without an upgrade, and of other methods', async () => {
    const plain = await server.send('GET', `${execPath}${query(['ls'])}`);
    expect(plain.body).toMatchObject({ code: 400, message: 'Upgrade request required' });
    expect((await server.send('PUT', `${execPath}${query(['ls'])}`)).status).toBe(405);
  });

  it('of strangers', async () => {
    const client = new SessionClient(server.url, `${execPath}${query(['ls'])}`, {});
    await client.opened;
    expect(client.refused).toMatchObject({ status: 401, body: { message: 'Unauthorized' } });
  });

  it('of more sessions than the limit', async () => {
    const many = Array.from({ length: limit }, () => exec(['cat'], 'stdin=true'));
    await Promise.all(many.map((client) => client.opened));
    const client = exec(['true']);
    await client.opened;
    expect(client.refused).toMatchObject({ status: 429, body: { details: { retryAfterSeconds: 1 } } });
    for (const one of many) one.socket.terminate();
    await until(() => node.processes.size === 0, { what: 'the sessions to end' });
    const after = exec(['true']);
    await after.closed;
    expect(after.status().status).toBe('Success');
  });

  it('after admission has seen the options', () => {
    const [context, object] =
      seen.find(([, one]) => (one as { command?: string[] }).command?.[0] === 'forbidden') ?? [];
    expect(context).toMatchObject({ operation: 'CONNECT', resource: 'pods', subresource: 'exec', name: 'a' });
    expect(object).toMatchObject({ kind: 'PodExecOptions', stdout: true, stdin: false, command: ['forbidden'] });
  });
});

it('a request for a protocol that nobody speaks is served as if it had not asked', async () => {
  const headers = { connection: 'Upgrade', upgrade: 'h2c' };
  const answer = await server.send('GET', '/api/v1/namespaces/default/pods/a', { headers });
  expect([answer.status, answer.body.metadata.name, answer.headers['connection']]).toEqual([200, 'a', 'close']);
});

it('discovery lists the connections with the verbs of Kubernetes', async () => {
  const { body } = await server.send('GET', '/api/v1');
  const find = (name: string): unknown => body.resources.find((one: { name: string }) => one.name === name);
  expect(find('pods/exec')).toMatchObject({ kind: 'PodExecOptions', verbs: ['create', 'get'], namespaced: true });
  expect(find('pods/portforward')).toMatchObject({ kind: 'PodPortForwardOptions', verbs: ['create', 'get'] });
  const verbs = ['create', 'delete', 'get', 'patch', 'update'];
  expect(find('services/proxy')).toMatchObject({ kind: 'ServiceProxyOptions', verbs });
  expect(find('nodes/proxy')).toMatchObject({ kind: 'NodeProxyOptions', verbs, namespaced: false });
});
