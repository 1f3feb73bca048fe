/** Constant load on a service: every request on a connection of its own, so that each is balanced anew. */
import { request } from 'node:http';

export interface ServiceLoadOptions {
  readonly address: string;
  readonly port: number;
  /** Requests at a time. Default 8. */
  readonly clients?: number;
  /** A request without an answer after so long has failed. Default 5,000 ms. */
  readonly timeoutMs?: number;
}

function ask({ address, port, timeoutMs = 5000 }: ServiceLoadOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request({ host: address, port, agent: false, timeout: timeoutMs }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode === 200) resolve(text.trim());
        else reject(new Error(`status ${response.statusCode}: ${text}`));
      });
    });
    call.on('timeout', () => call.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    call.on('error', reject);
    call.end();
  });
}

export class ServiceLoad {
  readonly failures: string[] = [];
  /** How often each answer came. */
  readonly answers = new Map<string, number>();
  readonly #options: ServiceLoadOptions;
  readonly #clients: Promise<void>[];
  #ends = false;

  constructor(options: ServiceLoadOptions) {
    this.#options = options;
    this.#clients = Array.from({ length: options.clients ?? 8 }, () => this.#client());
  }

  get answered(): number {
    return [...this.answers.values()].reduce((sum, count) => sum + count, 0);
  }

  async #client(): Promise<void> {
    while (!this.#ends) {
      try {
        const answer = await ask(this.#options);
        this.answers.set(answer, (this.answers.get(answer) ?? 0) + 1);
      } catch (error) {
        this.failures.push(String(error));
      }
      // The machine has other work, too.
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  async stop(): Promise<void> {
    this.#ends = true;
    await Promise.all(this.#clients);
  }
}
