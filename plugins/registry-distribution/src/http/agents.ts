/** Connections, kept open between requests. */
import { readFile, stat } from 'node:fs/promises';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { createSecureContext, rootCertificates } from 'node:tls';
import { errorCode, errorMessage, type Env } from '@timonel/sdk';
import { untrusted } from '../failure.ts';

const idleMs = 30_000;
const recheckMs = 10_000;

interface TrustedAgent {
  readonly agent: HttpsAgent;
  readonly fingerprint: string;
  checkedAt: number;
}

export class Agents {
  readonly #env: Env;
  /** `host[:port]` to a file of further authorities. */
  readonly #caFiles: ReadonlyMap<string, string>;
  readonly #connections: number;
  readonly #plain: HttpAgent;
  readonly #usual: HttpsAgent;
  readonly #trusted = new Map<string, TrustedAgent>();

  constructor(env: Env, caFiles: ReadonlyMap<string, string>, connectionsPerHost: number) {
    this.#env = env;
    this.#caFiles = caFiles;
    this.#connections = connectionsPerHost;
    this.#plain = new HttpAgent(this.#options());
    this.#usual = new HttpsAgent(this.#options());
  }

  /** @throws RegistryFailure untrusted, when the file of authorities cannot be used */
  async for(url: URL): Promise<HttpAgent> {
    if (url.protocol === 'http:') return this.#plain;
    const file = this.#caFiles.get(url.host);
    return file === undefined ? this.#usual : this.#withAuthorities(file);
  }

  close(): void {
    for (const agent of [this.#plain, this.#usual, ...[...this.#trusted.values()].map(({ agent }) => agent)]) {
      agent.destroy();
    }
    this.#trusted.clear();
  }

  /** A file that was replaced is read again. */
  async #withAuthorities(file: string): Promise<HttpsAgent> {
    const known = this.#trusted.get(file);
    const now = this.#env.clock.monotonic();
    if (known !== undefined && now - known.checkedAt < recheckMs) return known.agent;
    try {
      const { ino, size, mtimeMs } = await stat(file);
      const fingerprint = `${ino} ${size} ${mtimeMs}`;
      if (known?.fingerprint === fingerprint) {
        known.checkedAt = now;
        return known.agent;
      }
      // Reading some hundred certificates takes a while: once, not for each connection.
      const secureContext = createSecureContext({ ca: [...rootCertificates, await readFile(file, 'utf8')] });
      const agent = new HttpsAgent({ ...this.#options(), secureContext });
      this.#trusted.get(file)?.agent.destroy();
      this.#trusted.set(file, { agent, fingerprint, checkedAt: now });
      return agent;
    } catch (error) {
      const why = errorCode(error) ?? errorMessage(error);
      throw untrusted(`caFile ${file} cannot be used (${why})`, 'correct the path, or what the file holds');
    }
  }

  #options(): { keepAlive: true; maxSockets: number; maxFreeSockets: number; timeout: number } {
    return { keepAlive: true, maxSockets: this.#connections, maxFreeSockets: 4, timeout: idleMs };
  }
}
