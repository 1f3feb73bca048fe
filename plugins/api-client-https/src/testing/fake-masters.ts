/** API servers that do as a test says, each behind a relay that can be cut or frozen as a network does it. */
import { createServer, type Server as HttpsServer } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect, createServer as createTcpServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { createRealEnv } from '@timonel/core/env';
import { issueIdentity, makeAuthority, readCertificate, type Identity } from '@timonel/sdk/pki';

export type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void;

export const env = createRealEnv();

export function sendJson(response: ServerResponse, code: number, value: unknown): void {
  response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

/** A TCP relay. */
class Relay {
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  #frozen = false;
  port = 0;

  constructor(target: number) {
    this.#server = createTcpServer((socket) => {
      this.#keep(socket);
      if (this.#frozen) {
        socket.pause();
        return;
      }
      const onward = connect(target, '127.0.0.1');
      this.#keep(onward);
      socket.pipe(onward);
      onward.pipe(socket);
      socket.on('close', () => onward.destroy());
      onward.on('close', () => socket.destroy());
    });
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#sockets.delete(socket));
  }

  async open(): Promise<void> {
    this.port = await listen(this.#server);
  }

  /** Connections stay, and nothing passes any more: as when a machine vanishes. */
  freeze(): void {
    this.#frozen = true;
    for (const socket of this.#sockets) {
      socket.unpipe();
      socket.pause();
    }
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

export class FakeMaster {
  readonly #server: HttpsServer;
  readonly #relay: Promise<Relay>;
  readonly #sockets = new Set<Socket>();
  readonly requests: string[] = [];
  /** CN of the client certificates of the connections, in order. */
  readonly clients: string[] = [];
  /** `unknown`: it does not answer that question, as while its store does not answer. */
  ready: boolean | 'unknown' = true;
  answer: Answer;
  url = '';

  constructor(identity: Identity, authority: Identity, answer: Answer) {
    this.answer = answer;
    const tls = { cert: identity.certificatePem, key: identity.keyPem, ca: authority.certificatePem };
    const server = createServer({ ...tls, requestCert: true, rejectUnauthorized: false }, (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => this.#handle(request, response, Buffer.concat(chunks).toString('utf8')));
    });
    this.#server = server;
    this.#server.on('tlsClientError', () => undefined);
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    this.#relay = (async () => {
      const relay = new Relay(await listen(server));
      await relay.open();
      this.url = `https://127.0.0.1:${relay.port}`;
      return relay;
    })();
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  async open(): Promise<this> {
    await this.#relay;
    return this;
  }

  #handle(request: IncomingMessage, response: ServerResponse, body: string): void {
    if (request.url === '/livez') {
      response.end('ok');
      return;
    }
    if (request.url === '/readyz') {
      if (this.ready === 'unknown') return;
      response.writeHead(this.ready ? 200 : 500).end(this.ready ? 'ok' : 'not ready');
      return;
    }
    const raw = (request.socket as TLSSocket).getPeerX509Certificate()?.raw;
    this.clients.push(raw === undefined ? '' : readCertificate(raw).commonName);
    this.requests.push(`${request.method ?? ''} ${request.url ?? ''}`);
    this.answer(request, response, body);
  }

  async freeze(): Promise<void> {
    (await this.#relay).freeze();
  }

  /** Connections break, new ones are refused. */
  async kill(): Promise<void> {
    await (await this.#relay).close();
  }

  async close(): Promise<void> {
    await this.kill();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

export interface Pki {
  readonly authority: Identity;
  readonly server: Identity;
  readonly client: Identity;
}

export async function makePki(clientName: string): Promise<Pki> {
  const authority = await makeAuthority(env);
  const server = await issueIdentity(env, authority, {
    commonName: 'timonel-apiserver',
    names: ['127.0.0.1'],
    usages: ['server'],
  });
  const client = await issueIdentity(env, authority, {
    commonName: clientName,
    organizations: ['system:nodes'],
    usages: ['client'],
  });
  return { authority, server, client };
}
