/** Whether a registry on this machine speaks HTTPS or plain HTTP. */
import { errorCode, errorMessage } from '@timonel/sdk';
import { BoundedMap } from '../bounded-map.ts';
import { isFailure } from '../failure.ts';
import { discard } from '../http/answer.ts';
import type { Transport } from '../http/transport.ts';

export type Scheme = 'https' | 'http';

const noPlain: ReadonlySet<string> = new Set();

/** Nobody listens for HTTPS, or what listens does not speak it. */
function speaksNoTls(error: unknown): boolean {
  const { cause } = error as { cause?: unknown };
  const code = errorCode(cause) ?? '';
  if (code === 'ECONNREFUSED' || code === 'ECONNRESET') return true;
  return /wrong.version.number|packet.length.too.long|record.layer.failure/i.test(`${code} ${errorMessage(cause)}`);
}

export class SchemeFinder {
  readonly #transport: Transport;
  /** One question for all who ask at a time. */
  readonly #found = new BoundedMap<string, Promise<Scheme>>(256);

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  find(authority: string): Promise<Scheme> {
    const known = this.#found.get(authority);
    if (known !== undefined) return known;
    const asked = this.#ask(authority);
    this.#found.set(authority, asked);
    return asked;
  }

  /** Another registry may listen there the next time. */
  forget(authority: string): void {
    this.#found.delete(authority);
  }

  async #ask(authority: string): Promise<Scheme> {
    try {
      const url = new URL(`https://${authority}/v2/`);
      discard(await this.#transport.send({ url, method: 'GET', headers: {}, plain: noPlain }));
      return 'https';
    } catch (error) {
      return isFailure(error) && error.kind === 'unreachable' && speaksNoTls(error) ? 'http' : 'https';
    }
  }
}
