/** A client of sessions over WebSocket that shows everything it gets. */
import { WebSocket } from 'ws';

export interface SessionClientOptions {
  readonly token?: string;
  readonly protocols?: readonly string[];
}

export class SessionClient {
  readonly socket: WebSocket;
  /** Status and body of the answer, when it was no upgrade. */
  // oxlint-disable-next-line no-explicit-any
  refused: { status: number; body: any } | undefined;
  closeCode: number | undefined;
  readonly messages: Buffer[] = [];
  readonly #channels = new Map<number, Buffer[]>();
  readonly opened: Promise<boolean>;
  readonly closed: Promise<void>;

  constructor(url: string, path: string, { token, protocols = ['v5.channel.k8s.io'] }: SessionClientOptions) {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const address = `${url.replace('https:', 'wss:')}${path}`;
    this.socket = new WebSocket(address, [...protocols], { rejectUnauthorized: false, headers });
    this.socket.on('message', (data) => this.#take(data as Buffer));
    this.socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      this.socket.once('close', (code) => {
        this.closeCode = code;
        resolve();
      });
    });
    this.opened = new Promise((resolve) => {
      this.socket.once('open', () => resolve(true));
      this.socket.once('close', () => resolve(false));
      this.socket.once('unexpected-response', (_request, response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          this.refused = {
            status: response.statusCode ?? 0,
            body: JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown,
          };
          this.socket.terminate();
          resolve(false);
        });
      });
    });
  }

  bytes(channel: number): Buffer {
    return Buffer.concat(this.#channels.get(channel) ?? []);
  }

  text(channel: number): string {
    return this.bytes(channel).toString('utf8');
  }

  /** What the error channel ended with. */
  // oxlint-disable-next-line no-explicit-any
  status(): any {
    return JSON.parse(this.text(3)) as unknown;
  }

  send(channel: number, data: string | Buffer): void {
    this.socket.send(Buffer.concat([Buffer.from([channel]), Buffer.from(data)]));
  }

  end(channel: number): void {
    this.socket.send(Buffer.from([255, channel]));
  }

  #take(data: Buffer): void {
    this.messages.push(data);
    const base64 = this.socket.protocol.includes('base64');
    const channel = base64 ? (data[0] ?? 0) - 0x30 : (data[0] ?? 0);
    const chunk = base64 ? Buffer.from(data.toString('latin1', 1), 'base64') : data.subarray(1);
    this.#channels.set(channel, [...(this.#channels.get(channel) ?? []), chunk]);
  }
}
