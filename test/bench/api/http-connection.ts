/** One keep-alive connection over TLS that asks and waits, with as little of HTTP/1.1 as the benchmark needs. */
import { connect, type TLSSocket } from 'node:tls';
import type { ServedAt } from './server.ts';

const headerEnd = Buffer.from('\r\n\r\n');
const lastLimit = 64 * 1024;

export interface Question {
  readonly method: string;
  readonly path: string;
  readonly body?: string;
  readonly contentType?: string;
}

export class HttpConnection {
  readonly #socket: TLSSocket;
  readonly #head: string;
  /** What has come of the head of an answer. */
  #partial: Buffer | undefined;
  #missing = 0;
  #bytes = 0;
  #status = 0;
  /** The last piece of the last answer: all of a short one. */
  #last = '';
  #answered: ((bytes: number) => void) | undefined;
  #failed: ((error: Error) => void) | undefined;
  #onStream: ((chunk: Buffer) => void) | undefined;

  static async open({ url, ca, token }: ServedAt): Promise<HttpConnection> {
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port), ca, ALPNProtocols: ['http/1.1'] });
    socket.setNoDelay(true);
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve);
      socket.once('error', reject);
    });
    return new HttpConnection(socket, `Host: ${hostname}\r\nAuthorization: Bearer ${token}\r\nUser-Agent: bench\r\n`);
  }

  private constructor(socket: TLSSocket, head: string) {
    this.#socket = socket;
    this.#head = head;
    socket.on('data', (chunk: Buffer) => (this.#onStream === undefined ? this.#read(chunk) : this.#onStream(chunk)));
    socket.on('error', (error) => this.#failed?.(error));
    socket.on('close', () => this.#failed?.(new Error('the server closed the connection')));
  }

  /** Resolves with the length of the body. @throws Error for an answer that is no success */
  ask(question: Question): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#answered = resolve;
      this.#failed = reject;
      this.#send(question);
    });
  }

  /** Hands over the raw stream of an answer, from its head on. `onEnd`: the connection is gone. */
  stream(path: string, onChunk: (chunk: Buffer) => void, onEnd: (error: Error) => void): void {
    this.#onStream = onChunk;
    this.#failed = onEnd;
    this.#send({ method: 'GET', path });
  }

  /** The resourceVersion in the last answer, which must have been short. */
  get seenVersion(): string {
    const version = /"resourceVersion":"(\d+)"/.exec(this.#last)?.[1];
    if (version === undefined) throw new Error(`no resourceVersion in an answer: ${this.#last.slice(0, 200)}`);
    return version;
  }

  close(): void {
    this.#failed = undefined;
    this.#socket.destroy();
  }

  #send({ method, path, body, contentType = 'application/json' }: Question): void {
    const head = `${method} ${path} HTTP/1.1\r\n${this.#head}Accept: application/json\r\n`;
    if (body === undefined) this.#socket.write(`${head}\r\n`);
    else {
      const length = Buffer.byteLength(body);
      this.#socket.write(`${head}Content-Type: ${contentType}\r\nContent-Length: ${length}\r\n\r\n${body}`);
    }
  }

  #read(chunk: Buffer): void {
    let rest = chunk;
    if (this.#missing === 0) {
      rest = this.#partial === undefined ? chunk : Buffer.concat([this.#partial, chunk]);
      const end = rest.indexOf(headerEnd);
      if (end < 0) {
        this.#partial = rest;
        return;
      }
      this.#partial = undefined;
      const head = rest.toString('latin1', 0, end);
      this.#status = Number(head.slice(9, 12));
      const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
      if (length === undefined) {
        this.#failed?.(new Error(`an answer without a length: ${head}`));
        return;
      }
      this.#bytes = Number(length);
      this.#missing = this.#bytes;
      rest = rest.subarray(end + headerEnd.length);
    }
    this.#missing -= rest.length;
    if (this.#missing > 0) return;
    this.#last = rest.length > lastLimit ? '' : rest.toString('latin1');
    if (this.#status >= 300) this.#failed?.(new Error(`answer ${this.#status}: ${rest.toString('utf8', 0, 500)}`));
    else this.#answered?.(this.#bytes);
  }
}
