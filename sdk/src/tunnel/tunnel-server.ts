import { lookup, type LookupAddress } from 'node:dns';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { connect, type LookupFunction, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { errorCode, errorMessage } from '../kernel/index.ts';
import { addressClass } from './address-class.ts';
import { errorHeader, localAddressCode, localAddressesHeader } from './headers.ts';

const connectMs = 30_000;
/** Connections at once; one more is ended at once. */
const connectionLimit = 512;

/** `host:port`, the host in brackets where it holds colons. */
function targetOf(text: string): { readonly host: string; readonly port: number } | undefined {
  const [, bracketed, plain, port] = /^(?:\[([0-9A-Fa-f:.]{2,45})\]|([^:[\]/\s]{1,255})):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  return host === undefined || Number(port) > 65_535 ? undefined : { host, port: Number(port) };
}

const elsewhereOnly: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
    const local = error === null ? addresses.find(({ address }) => addressClass(address) !== 'elsewhere') : undefined;
    if (error !== null) callback(error, '', 0);
    else if (local !== undefined) callback(Object.assign(new Error(local.address), { code: localAddressCode }), '', 0);
    else if (options.all === true) callback(null, addresses);
    else callback(null, addresses[0]?.address ?? '', addresses[0]?.family);
  });
};

/** The end with a way out. Whoever may open its socket may connect to whatever this process can. */
export class TunnelServer {
  readonly #server: Server = createServer((_request, response) => response.writeHead(405).end());
  readonly #sockets = new Set<Socket>();

  constructor() {
    this.#server.maxConnections = connectionLimit;
    this.#server.on('connection', (socket) => this.#keep(socket));
    this.#server.on('connect', (request, client, head) => this.#connect(request, client, head));
  }

  /** `path`: of a unix socket. @throws the system's error */
  listen(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject).listen(path, resolve);
    });
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #connect(request: IncomingMessage, client: Duplex, head: Buffer): void {
    client.on('error', () => client.destroy());
    const target = targetOf(request.url ?? '');
    if (target === undefined) {
      client.end('HTTP/1.1 400 Bad Request\r\n\r\n');
      return;
    }
    const guard = request.headers[localAddressesHeader] === 'refuse' ? { lookup: elsewhereOnly } : {};
    const upstream = connect({ ...target, ...guard, noDelay: true });
    this.#keep(upstream);
    upstream.setTimeout(connectMs, () =>
      upstream.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })),
    );
    const refuse = (error: Error): void => void client.end(refusal(error));
    upstream.once('error', refuse);
    upstream.once('connect', () => {
      upstream.setTimeout(0);
      upstream.off('error', refuse).on('error', () => client.destroy());
      client.write('HTTP/1.1 200 OK\r\n\r\n');
      if (head.length > 0) upstream.write(head);
      client.pipe(upstream);
      upstream.pipe(client);
      upstream.once('close', () => client.destroy());
    });
    client.once('close', () => upstream.destroy());
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
  }
}

/** Errors of several addresses have no message of their own. */
function refusal(error: Error): string {
  const [first = error] = (error as { errors?: readonly Error[] }).errors ?? [];
  const text = `${errorCode(error) ?? errorCode(first) ?? 'ERR_UNKNOWN'} ${errorMessage(first)}`;
  return `HTTP/1.1 502 Bad Gateway\r\n${errorHeader}: ${text.replaceAll(/[^\x20-\x7e]/g, ' ').slice(0, 500)}\r\n\r\n`;
}
