/** Calls of webhooks that hang, lie, or are somebody else. */
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import { callWebhook, WebhookConnections, webhookUrl, type DialService, type WebhookCall } from '@timonel/sdk/webhooks';
import { startWebhook, type WebhookServer } from '../support/webhook-server.ts';

let webhook: WebhookServer;
const { timers } = createRealEnv();
let dial: DialService | undefined;
const connections = new WebhookConnections((service) => {
  if (dial === undefined) throw new Error('no plugin connects to services');
  return dial(service);
});

beforeAll(async () => {
  webhook = await startWebhook(() => ({}), ['127.0.0.1', 'hook.default.svc']);
});
afterAll(async () => {
  connections.close();
  await webhook.stop();
});

const call = (more: Partial<WebhookCall> = {}): Promise<unknown> =>
  callWebhook({
    config: webhook.clientConfig,
    body: { a: 1 },
    timeoutMs: 5000,
    limitBytes: 1000,
    timers,
    connections,
    ...more,
  });

describe('a call of a webhook', () => {
  it('brings its answer', async () => {
    webhook.answer = (body) => ({ got: body as unknown });
    expect(await call()).toEqual({ got: { a: 1 } });
  });

  it('ends in time, before and within the answer', async () => {
    webhook.answer = () => undefined;
    const failure = { code: 'ERR_WEBHOOK', isTimeout: true };
    await expect(call({ timeoutMs: 50 })).rejects.toMatchObject(failure);
    webhook.answer = (_, response) => void response.writeHead(200).write('{');
    await expect(call({ timeoutMs: 200 })).rejects.toMatchObject({
      ...failure,
      message: `Post "${webhook.url}": context deadline exceeded`,
    });
  });

  it('reads no more than it may', async () => {
    webhook.answer = () => JSON.stringify('x'.repeat(10_000_000));
    await expect(call()).rejects.toMatchObject({
      message: expect.stringContaining('larger than 1000 bytes') as unknown,
    });
  });

  it('reaches a service by whoever connects to it, whose certificate is for its name', async () => {
    webhook.answer = () => ({ ok: true });
    const { port, caBundle } = webhook;
    const service = { namespace: 'default', name: 'hook', port: 8443, path: '/convert' };
    const asked: unknown[] = [];
    dial = (wanted) => {
      asked.push(wanted);
      return Promise.resolve(connect(port, '127.0.0.1'));
    };
    expect(webhookUrl({ service }).href).toBe('https://hook.default.svc:8443/convert');
    expect(await call({ config: { service, caBundle } })).toEqual({ ok: true });
    expect(asked).toEqual([{ namespace: 'default', name: 'hook', port: 8443 }]);
    const other = { ...service, name: 'other' };
    await expect(call({ config: { service: other, caBundle } })).rejects.toMatchObject({
      message: expect.stringContaining("does not match certificate's altnames") as unknown,
    });
    dial = undefined;
    await expect(call({ config: { service: { ...service, name: 'third' }, caBundle } })).rejects.toMatchObject({
      message: expect.stringContaining('no plugin connects to services') as unknown,
    });
  });
  it('ends in time while its connection is still being made', async () => {
    dial = () => new Promise(() => undefined);
    const service = { namespace: 'default', name: 'hanging' };
    const failure = { code: 'ERR_WEBHOOK', isTimeout: true };
    await expect(call({ config: { service }, timeoutMs: 50 })).rejects.toMatchObject(failure);
  });

  it('goes on while the connections of many others are made', async () => {
    let answer = (): void => undefined;
    const asked = new Promise<void>((resolve) => {
      webhook.answer = (_, response) => {
        answer = () => void response.end('{"late":true}');
        resolve();
      };
    });
    const first = call();
    await asked;
    for (let port = 1; port <= 150; port += 1) connections.agentOf({ url: `https://127.0.0.1:${port}/` });
    answer();
    expect(await first).toEqual({ late: true });
  });

  it('shares connections with those of the same place and authority alone', () => {
    const { url, caBundle } = webhook.clientConfig;
    const agent = connections.agentOf({ url: `${url}a`, caBundle });
    expect(connections.agentOf({ url: `${url}b`, caBundle })).toBe(agent);
    expect(connections.agentOf({ url })).not.toBe(agent);
    expect(new WebhookConnections().agentOf({ url, caBundle })).not.toBe(agent);
  });
});
