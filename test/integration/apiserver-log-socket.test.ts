/** pods/log over WebSocket. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { nodeEndpoint, type LogOptions, type NodeEndpoint } from '@timonel/sdk/contracts/node';
import { ApiError, pods } from '@timonel/sdk/kube';
import { request } from 'node:https';
import { fakeService, refusingNode, until } from '@timonel/testkit';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';
import { SessionClient } from '../support/session-client.ts';

const path = '/api/v1/namespaces/default/pods/a/log';
let server: TestApiServer;
let logs: NodeEndpoint['logs'];
const clients: SessionClient[] = [];

beforeAll(async () => {
  const node: NodeEndpoint = { ...refusingNode, nodeName: () => 'n1', logs: (pod, options) => logs(pod, options) };
  server = await startApiServer({
    plugins: [fakeService(nodeEndpoint, node).definition],
    apiserver: { limits: { streams: 1 } },
  });
  const spec = { nodeName: 'n1', containers: [{ name: 'app', image: 'i' }] };
  await server.api.create(pods, { metadata: { name: 'a', namespace: 'default' }, spec });
});
afterEach(() => {
  for (const client of clients.splice(0)) client.socket.terminate();
});
afterAll(() => server?.stop());

const open = (query = '', ...protocols: string[]): SessionClient => {
  const client = new SessionClient(server.url, path + query, { token: server.token, protocols });
  clients.push(client);
  return client;
};
const textOf = ({ messages }: SessionClient): string => Buffer.concat(messages).toString();
async function* twoLines(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('one\n');
  await Promise.resolve();
  yield Buffer.from('two\n');
}

describe('logs over WebSocket', () => {
  it.each([
    ['without a protocol', [], 'one\ntwo\n', ''],
    ['as bytes', ['other', 'binary.k8s.io'], 'one\ntwo\n', 'binary.k8s.io'],
    ['as base64', ['base64.binary.k8s.io'], 'b25lCg==dHdvCg==', 'base64.binary.k8s.io'],
  ])('come %s, and then it is closed as it should be', async (_what, protocols, text, chosen) => {
    logs = twoLines;
    const client = open('', ...protocols);
    await client.closed;
    expect([textOf(client), client.closeCode, client.socket.protocol]).toEqual([text, 1000, chosen]);
  });

  it('that cannot be had are a Status', async () => {
    // oxlint-disable-next-line require-yield
    logs = async function* none() {
      await Promise.resolve();
      throw new ApiError('BadRequest', 'container "app" in pod "a" is waiting to start: ContainerCreating');
    };
    const refused = open('', 'binary.k8s.io');
    expect(await refused.opened).toBe(false);
    expect(refused.refused).toMatchObject({ status: 400, body: { message: expect.stringContaining('waiting') } });
    logs = twoLines;
    const unknown = open('', 'v5.channel.k8s.io');
    expect(await unknown.opened).toBe(false);
    expect(unknown.refused).toMatchObject({ status: 400, body: { message: expect.stringContaining('binary.k8s.io') } });
  });

  it('and over HTTP have begun though there is nothing to say yet', async () => {
    // oxlint-disable-next-line require-yield
    logs = async function* silent(_pod, options) {
      await new Promise<void>((resolve) => options.signal.addEventListener('abort', () => resolve()));
    };
    const headers = { authorization: `Bearer ${server.token}` };
    const status = await new Promise((resolve, reject) => {
      const asked = request(`${server.url}${path}?follow=true`, { headers, rejectUnauthorized: false });
      asked.on('error', reject);
      asked.on('response', (response) => {
        response.on('error', () => undefined);
        resolve(response.statusCode);
        asked.destroy();
      });
      asked.end();
    });
    expect(status).toBe(200);
  });

  it('are followed for as long as the client stays, within the bound of connections', async () => {
    const asked: LogOptions[] = [];
    let ended = 0;
    logs = async function* endless(_pod, options) {
      asked.push(options);
      try {
        yield Buffer.from('line\n');
        await new Promise<void>((resolve) => options.signal.addEventListener('abort', () => resolve()));
      } finally {
        ended += 1;
      }
    };
    const client = open('?follow=true');
    await until(() => textOf(client) === 'line\n', { what: 'the line' });
    expect(asked).toMatchObject([{ follow: true }]);
    const second = open('?follow=true');
    expect(await second.opened).toBe(false);
    expect(second.refused?.status).toBe(429);
    client.socket.terminate();
    await until(() => ended === 1, { what: 'the stream to end' });
    expect(asked).toHaveLength(1);
    logs = twoLines;
    const third = open();
    await until(async () => (await third.opened) && textOf(third) === 'one\ntwo\n', { what: 'room for another' });
  });
});
