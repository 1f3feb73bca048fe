/** Connections, kept open between requests. */
import { X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { Agent as HttpAgent, type AgentOptions } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { createSecureContext, rootCertificates } from 'node:tls';
import { errorCode, errorMessage, type Env } from '@timonel/sdk';
import type { RegistryConfig } from '../config.ts';
import { untrusted } from '../failure.ts';
import { tunnelled } from './tunnelled.ts';

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
  readonly #config: Pick<RegistryConfig, 'connectionsPerHost' | 'connectTimeoutMs' | 'tunnelSocket'>;
  readonly #plain: HttpAgent;
  readonly #usual: HttpsAgent;
  readonly #trusted = new Map<string, TrustedAgent>();

  constructor(
    env: Env,
    caFiles: ReadonlyMap<string, string>,
    config: Pick<RegistryConfig, 'connectionsPerHost' | 'connectTimeoutMs' | 'tunnelSocket'>,
  ) {
    this.#env = env;
    this.#caFiles = caFiles;
    this.#config = config;
    this.#plain = this.#through(new HttpAgent(this.#options()));
    this.#usual = this.#through(new HttpsAgent(this.#options()));
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
      const secureContext = createSecureContext({
        ca: [...rootCertificates, ...certificatesOf(await readFile(file, 'utf8'))],
      });
      const agent = this.#through(new HttpsAgent({ ...this.#options(), secureContext }));
      if (known !== undefined) closeIdle(known.agent);
      this.#trusted.set(file, { agent, fingerprint, checkedAt: now });
      return agent;
    } catch (error) {
      const why = errorCode(error) ?? errorMessage(error);
      throw untrusted(`caFile ${file} cannot be used (${why})`, 'correct the path, or what the file holds');
    }
  }

  #through<A extends HttpAgent>(agent: A): A {
    const { tunnelSocket, connectTimeoutMs } = this.#config;
    return tunnelSocket === '' ? agent : tunnelled(agent, tunnelSocket, connectTimeoutMs);
  }

  #options(): AgentOptions {
    const { connectionsPerHost: maxSockets, connectTimeoutMs } = this.#config;
    // Of several addresses each gets a fair part of the time: a quarter of a second, as Node has it, is too short far away.
    const autoSelectFamilyAttemptTimeout = Math.max(10, Math.floor(connectTimeoutMs / 4));
    return { keepAlive: true, maxSockets, maxFreeSockets: 4, timeout: idleMs, autoSelectFamilyAttemptTimeout };
  }
}

/** @throws Error where there is none, or one that is broken: OpenSSL passes over both. */
function certificatesOf(pem: string): readonly string[] {
  const found = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
  if (found === null) throw new Error('it holds no certificate');
  return found.map((text) => new X509Certificate(text).toString());
}

/** Those in use go on to their end. */
function closeIdle(agent: HttpAgent): void {
  for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
}
