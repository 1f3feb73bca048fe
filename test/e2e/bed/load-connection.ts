import { Agent, request } from 'node:https';

export interface LoadReply {
  /** False: the request certainly never reached the server. */
  readonly begun: boolean;
  /** 0: no answer came. */
  readonly status: number;
  readonly body: unknown;
}

/** Longer than a server that still hopes for a majority waits. */
const timeoutMs = 6000;
const neverConnected: ReadonlySet<string | undefined> = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH']);

/** Requests to one master, whose answers may never come. */
export class LoadConnection {
  readonly url: string;
  readonly #agent: Agent;
  readonly #token: string;

  constructor(url: string, options: { readonly token: string; readonly ca: string }) {
    this.url = url;
    this.#token = options.token;
    this.#agent = new Agent({ keepAlive: true, ca: options.ca });
  }

  /** Never rejects: a request that fails has an unknown outcome. */
  send(method: string, path: string, body?: unknown): Promise<LoadReply> {
    const payload = body === undefined ? '' : JSON.stringify(body);
    const headers = {
      authorization: `Bearer ${this.#token}`,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(payload),
    };
    return new Promise((resolve) => {
      const call = request(new URL(path, this.url), { method, agent: this.#agent, headers }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.on('end', () => {
          const { statusCode: status = 0 } = response;
          resolve({ begun: true, status, body: jsonOf(text) });
        });
        response.on('close', () => resolve({ begun: true, status: 0, body: undefined }));
      });
      const timer = setTimeout(() => call.destroy(new Error('no answer in time')), timeoutMs);
      call.on('error', (error: NodeJS.ErrnoException) => {
        resolve({ begun: !neverConnected.has(error.code), status: 0, body: undefined });
      });
      call.on('close', () => clearTimeout(timer));
      call.end(payload);
    });
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
