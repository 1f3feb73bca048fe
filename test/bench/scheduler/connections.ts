/** Connections to the server that each ask one question at a time, and one that watches. */
import { request } from 'node:https';
import { HttpConnection, type Question } from '../api/http-connection.ts';
import type { ServedAt } from '../api/server.ts';

export class Connections {
  readonly #idle: HttpConnection[];
  readonly #all: readonly HttpConnection[];
  readonly #waiting: ((connection: HttpConnection) => void)[] = [];

  static async open(server: ServedAt, count: number): Promise<Connections> {
    return new Connections(await Promise.all(Array.from({ length: count }, () => HttpConnection.open(server))));
  }

  private constructor(all: readonly HttpConnection[]) {
    this.#all = all;
    this.#idle = [...all];
  }

  async ask(question: Question): Promise<void> {
    const connection =
      this.#idle.pop() ?? (await new Promise<HttpConnection>((resolve) => this.#waiting.push(resolve)));
    try {
      await connection.ask(question);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#idle.push(connection);
      else next(connection);
    }
  }

  close(): void {
    for (const connection of this.#all) connection.close();
  }
}

interface Stream {
  readonly close: () => void;
}

/** Resolves when the answer begins. `onEnd`: it ended though nobody closed it. */
export function openLines(
  server: ServedAt,
  path: string,
  onLine: (line: string) => void,
  onEnd: (error: Error) => void,
): Promise<Stream> {
  const { url, ca, token } = server;
  return new Promise((resolve, reject) => {
    let isClosed = false;
    const asked = request(new URL(path, url), { ca, headers: { authorization: `Bearer ${token}` } }, (answer) => {
      if (answer.statusCode !== 200) {
        reject(new Error(`${path} was answered with ${answer.statusCode}`));
        return;
      }
      let rest = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => {
        const lines = (rest + chunk).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) onLine(line);
      });
      answer.on('close', () => {
        if (!isClosed) onEnd(new Error(`${path} ended`));
      });
      resolve({
        close: () => {
          isClosed = true;
          asked.destroy();
        },
      });
    });
    asked.on('error', (error) => (isClosed ? undefined : reject(error)));
    asked.end();
  });
}

/** The body of an answer. @throws Error for one that is no success */
export async function getJson(server: ServedAt, path: string): Promise<unknown> {
  const { url, ca, token } = server;
  return new Promise((resolve, reject) => {
    request(new URL(path, url), { ca, headers: { authorization: `Bearer ${token}` } }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        if (answer.statusCode === 200) resolve(JSON.parse(text));
        else reject(new Error(`${path} was answered with ${answer.statusCode}: ${text.slice(0, 500)}`));
      });
    })
      .on('error', reject)
      .end();
  });
}
