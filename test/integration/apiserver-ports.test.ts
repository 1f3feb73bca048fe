/** pods/portforward: channels of a WebSocket, and what real kubectl speaks (SPDY, with and without a WebSocket around it). */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { pods } from '@timonel/sdk/kube';
import { until } from '@timonel/testkit';
import { digest, exchange } from '../support/port-exchange.ts';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';
import { kubernetesTools } from '../support/kubectl.ts';
import { ProcessNode } from '../support/process-node.ts';
import { RunningProgram } from '../support/running-program.ts';
import { SessionClient } from '../support/session-client.ts';

const node = new ProcessNode('n1');
const path = '/api/v1/namespaces/default/pods/a/portforward';
const cleanUps: (() => void)[] = [];
let server: TestApiServer;
let echo: Server;
let port = 0;
let kubectl = '';

async function listen(onSocket: (socket: Socket) => void): Promise<Server> {
  const created = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined);
    onSocket(socket);
  });
  await new Promise<void>((resolve) => void created.listen(0, '127.0.0.1', resolve));
  return created;
}

const portOf = (of: Server): number => (of.address() as AddressInfo).port;

beforeAll(async () => {
  ({ kubectl } = await kubernetesTools());
  echo = await listen((socket) => socket.pipe(socket));
  port = portOf(echo);
  server = await startApiServer({ plugins: [node.plugin()] });
  const pod = await node.addPod(server.api);
  await server.api.updateStatus(pods, { ...pod, status: { phase: 'Running' } });
});
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp();
  await until(() => node.connections.size === 0, { what: 'all connections into the pod to be gone' });
});
afterAll(async () => {
  echo?.close();
  await server?.stop();
});

function open(query: string, protocols = ['v4.channel.k8s.io']): SessionClient {
  const client = new SessionClient(server.url, `${path}${query}`, { token: server.token, protocols });
  cleanUps.push(() => client.socket.terminate());
  return client;
}

const named = (number: number): Buffer => Buffer.from([number & 0xff, number >> 8]);

describe('channels of a WebSocket', () => {
  it('begin with the number of their port, and carry data both ways', async () => {
    const client = open(`?ports=${port}`, ['v5.channel.k8s.io', 'v4.channel.k8s.io']);
    await client.opened;
    expect(client.socket.protocol).toBe('v4.channel.k8s.io');
    client.send(0, 'hello');
    await until(() => client.bytes(0).length === 7, { what: 'the echo' });
    expect(client.bytes(0)).toEqual(Buffer.concat([named(port), Buffer.from('hello')]));
    expect(client.bytes(1)).toEqual(named(port));
  });

  it('are two for each port, whatever happens to the others', async () => {
    const client = open(`?ports=${port},1&ports=${port}`);
    await client.opened;
    client.send(4, 'third');
    await until(() => client.text(4).endsWith('third') && client.bytes(3).length > 2, { what: 'echo and error' });
    expect(client.bytes(3).subarray(0, 2)).toEqual(named(1));
    expect(client.text(3)).toContain('error forwarding port 1: connection refused');
  });

  it('end when the pod ends the connection', async () => {
    const greeter = await listen((socket) => socket.end('bye'));
    cleanUps.push(() => greeter.close());
    const client = open(`?ports=${portOf(greeter)}`);
    await client.closed;
    expect([client.bytes(0).subarray(2).toString(), client.closeCode]).toEqual(['bye', 1000]);
  });

  it.each([
    ['?ports=0', 400, 'ports: "0" is not a port'],
    ['?ports=web', 400, 'ports: "web" is not a port'],
    ['', 400, 'the query must name the ports'],
    [`?ports=${Array.from({ length: 101 }, (_none, index) => index + 1).join(',')}`, 400, 'at most 100 ports'],
  ])('are refused as a Status: %s', async (query, status, text) => {
    const client = open(query);
    await client.opened;
    expect(client.refused).toMatchObject({ status, body: { kind: 'Status' } });
    expect(client.refused?.body.message).toContain(text);
  });
});

async function forward(
  environment: Record<string, string>,
  target = port,
): Promise<{ local: number; text: () => string }> {
  const args = ['--kubeconfig', server.kubeconfig, 'port-forward', 'pod/a', `:${target}`, '--address', '127.0.0.1'];
  const forwarding = new RunningProgram(kubectl, args, environment);
  cleanUps.push(() => forwarding.child.kill('SIGKILL'));
  const local = await until(() => Number(/127\.0\.0\.1:(\d+)/.exec(forwarding.output)?.[1]), {
    what: 'kubectl to listen',
  });
  return { local, text: () => forwarding.output };
}

describe.each([
  ['SPDY in a WebSocket', {}],
  ['SPDY', { KUBECTL_PORT_FORWARD_WEBSOCKETS: 'false' }],
])('kubectl port-forward by %s', (_name, environment) => {
  it('carries many connections at once, and much', async () => {
    const { local } = await forward(environment);
    const small = Array.from({ length: 30 }, (_none, index) => Buffer.from(`connection ${index}`));
    const answers = await Promise.all(small.map((bytes) => exchange(local, bytes)));
    expect(answers.map(String)).toEqual(small.map(String));
    const large = Buffer.alloc(20_000_000, 'abcdefghij');
    const back = await exchange(local, large);
    expect([back.length, digest(back)]).toEqual([large.length, digest(large)]);
  });

  it('says when nothing listens in the pod', async () => {
    const { local, text } = await forward(environment, 1);
    await exchange(local, Buffer.from('x')).catch(() => undefined);
    await until(() => text().includes('error forwarding port 1: connection refused'), { what: 'kubectl to say so' });
  });
});
