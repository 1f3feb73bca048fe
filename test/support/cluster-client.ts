/** An HTTPS client of a running cluster, from its kubeconfig. */
import { Agent, request } from 'node:https';
import { readKubeconfig } from '../../cli/src/cluster/kubeconfig.ts';

export interface ClusterAnswer {
  readonly status: number;
  // oxlint-disable-next-line no-explicit-any
  readonly body: any;
}

export interface ClusterWatchEvent {
  readonly type: string;
  // oxlint-disable-next-line no-explicit-any
  readonly object: any;
}

export interface ClusterWatch {
  /** Resolves when the server has answered. Rejects when it refused. */
  readonly opened: Promise<void>;
  /** Resolves when the stream is over, whoever ended it. */
  readonly ended: Promise<void>;
  stop(): void;
}

/** The decoded text; a text that is not JSON becomes a Status-like object with it as its message. */
function jsonOf(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return { message: text.slice(0, 200) };
  }
}

export class ClusterClient {
  readonly #server: string;
  readonly #token: string;
  readonly #agent: Agent;

  constructor(kubeconfig: string) {
    const access = readKubeconfig(kubeconfig);
    this.#server = access.server;
    this.#token = access.token;
    this.#agent = new Agent({ keepAlive: true, ca: access.caCertificate });
  }

  /** Its connections are new, and see the certificates of now. */
  static async once<T>(kubeconfig: string, use: (client: ClusterClient) => Promise<T>): Promise<T> {
    const client = new ClusterClient(kubeconfig);
    try {
      return await use(client);
    } finally {
      client.close();
    }
  }

  /** Sends one request. Resolves whatever the status is. */
  send(method: string, path: string, body?: unknown): Promise<ClusterAnswer> {
    const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const headers = {
      authorization: `Bearer ${this.#token}`,
      ...(payload === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': String(payload.length) }),
    };
    return new Promise((resolve, reject) => {
      const call = request(new URL(path, this.#server), { method, agent: this.#agent, headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          resolve({ status: response.statusCode ?? 0, body: jsonOf(Buffer.concat(chunks).toString('utf8')) });
        });
      });
      call.on('error', reject);
      call.end(payload);
    });
  }

  /** As `send`, for requests that must succeed. */
  // oxlint-disable-next-line no-explicit-any
  async ask(method: string, path: string, body?: unknown): Promise<any> {
    const answer = await this.send(method, path, body);
    if (answer.status < 400) return answer.body;
    const message = (answer.body as { message?: string } | undefined)?.message ?? 'no message';
    throw new Error(`${method} ${path} was answered by ${answer.status}: ${message}`);
  }

  /** Opens a watch; `path` holds its query. Every event is handed over as it arrives. */
  watch(path: string, onEvent: (event: ClusterWatchEvent) => void): ClusterWatch {
    const call = request(new URL(path, this.#server), {
      agent: this.#agent,
      headers: { authorization: `Bearer ${this.#token}` },
    });
    let finish: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const opened = new Promise<void>((resolve, reject) => {
      call.on('error', (error) => {
        reject(error);
        finish();
      });
      call.on('response', (response) => {
        if (response.statusCode === 200) resolve();
        else reject(new Error(`the watch of ${path} was answered by ${response.statusCode}`));
        let rest = '';
        response.setEncoding('utf8');
        response.on('data', (text: string) => {
          const lines = (rest + text).split('\n');
          rest = lines.pop() ?? '';
          for (const line of lines) if (line !== '') onEvent(JSON.parse(line) as ClusterWatchEvent);
        });
        response.on('error', finish);
        response.on('close', finish);
      });
    });
    opened.catch(() => undefined);
    call.end();
    return { opened, ended, stop: () => call.destroy() };
  }

  close(): void {
    this.#agent.destroy();
  }
}
