/** A webhook over HTTPS on loopback, with an authority of its own. */
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createRealEnv } from '@timonel/core';
import { issueIdentity, makeAuthority } from '@timonel/sdk/pki';

/** What it answers to a body, or how. */
export type Webhook = (body: any, response: ServerResponse, request: IncomingMessage) => unknown; // oxlint-disable-line no-explicit-any

export interface WebhookServer {
  readonly url: string;
  readonly port: number;
  /** PEM in base64, as configurations have it. */
  readonly caBundle: string;
  readonly clientConfig: { readonly url: string; readonly caBundle: string };
  /** What it answers from now on. `undefined` as answer: the webhook has answered itself, or never will. */
  answer: Webhook;
  readonly bodies: unknown[];
  stop(): Promise<void>;
}

/** `names`: what its certificate is for; default: 127.0.0.1. */
export async function startWebhook(answer: Webhook, names: readonly string[] = ['127.0.0.1']): Promise<WebhookServer> {
  const env = createRealEnv();
  const authority = await makeAuthority(env);
  const identity = await issueIdentity(env, authority, { commonName: 'webhook', names, usages: ['server'] });
  const bodies: unknown[] = [];
  const server: Server = createServer({ key: identity.keyPem, cert: identity.certificatePem }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
      bodies.push(body);
      const answered = webhook.answer(body, response, request);
      if (answered === undefined) return;
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(typeof answered === 'string' ? answered : JSON.stringify(answered));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const url = `https://127.0.0.1:${port}/`;
  const caBundle = Buffer.from(authority.certificatePem).toString('base64');
  const webhook: WebhookServer = {
    url,
    port,
    caBundle,
    clientConfig: { url, caBundle },
    answer,
    bodies,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return webhook;
}
