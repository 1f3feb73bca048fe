/** Looks at the node's certificate now and then, and gets the next one in time. */
import { errorMessage, type Env, type Logger, type TimerHandle } from '@timonel/sdk';
import { readFileIfThere, writeFileAtomically } from '@timonel/sdk/files';
import { callJoin, joinPaths, type RenewAnswer, type RenewRequest, type ServersAnswer } from '@timonel/sdk/join';
import {
  identityNames,
  isPair,
  isRenewalDue,
  isSignedBy,
  makeSigningRequest,
  readCertificate,
  readCertificateFile,
  readIdentity,
  writeCertificateFile,
  type Identity,
} from '@timonel/sdk/pki';

export interface CertificateKeeperOptions {
  readonly servers: readonly string[];
  readonly pkiDirectory: string;
  readonly addresses: readonly string[];
  readonly checkPeriodMs: number;
  readonly retryMs: number;
  readonly requestTimeoutMs: number;
  /** Where learned servers are remembered. */
  readonly file: string;
  readonly env: Env;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

const serverLimit = 16;
const answerShape = { texts: ['certificate'], lists: ['servers'] } as const;
const listShape = { texts: [], lists: ['servers'] } as const;

export class CertificateKeeper {
  readonly #options: CertificateKeeperOptions;
  #timer: TimerHandle | undefined;
  #running: Promise<void> | undefined;
  #stopped = false;
  #learned: readonly string[] = [];

  constructor(options: CertificateKeeperOptions) {
    this.#options = options;
  }

  /** @throws Error when the node's files are not there: it has not joined. */
  async start(): Promise<void> {
    await this.#identity();
    this.#learned = await this.#remembered();
    this.#schedule(0);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#running;
  }

  #schedule(delayMs: number): void {
    if (this.#stopped) return;
    this.#timer = this.#options.env.timers.after(delayMs, () => {
      this.#running = this.#look().then((nextMs) => this.#schedule(nextMs));
    });
  }

  /** Resolves with when to look again. */
  async #look(): Promise<number> {
    const { env, log, checkPeriodMs, retryMs, signal } = this.#options;
    const soonMs = Math.min(retryMs, checkPeriodMs);
    try {
      const identity = await this.#identity();
      const facts = readCertificate(identity.certificatePem);
      const missing = this.#options.addresses.some((address) => !facts.names.includes(address));
      const due = isRenewalDue(facts, env.clock.now()) || missing;
      if (due) await this.#renew(identity, facts.commonName);
      else await this.#learn(identity);
      return checkPeriodMs;
    } catch (error) {
      if (!signal.aborted)
        log.warn({ error: errorMessage(error) }, 'the certificate of this node could not be looked after, will retry');
      return soonMs;
    }
  }

  async #renew(identity: Identity, commonName: string): Promise<void> {
    const { log, pkiDirectory, addresses } = this.#options;
    const body: RenewRequest = { csr: await makeSigningRequest(identity.keyPem, { commonName }), addresses };
    const answer = await this.#ask<RenewAnswer>(identity, 'POST', joinPaths.renew, body, answerShape);
    const ca = (await readCertificateFile(pkiDirectory, 'ca')) ?? '';
    const next = { certificatePem: answer.certificate, keyPem: identity.keyPem };
    if (!isPair(next) || !isSignedBy(answer.certificate, ca)) {
      throw new Error('the answer is no certificate for the key of this node');
    }
    // The key stays: one file is replaced, in one step.
    await writeCertificateFile(pkiDirectory, identityNames.node, answer.certificate);
    log.info({}, 'the certificate of this node has been renewed');
    await this.#remember(answer.servers);
  }

  async #learn(identity: Identity): Promise<void> {
    const answer = await this.#ask<ServersAnswer>(identity, 'GET', joinPaths.servers, undefined, listShape);
    await this.#remember(answer.servers);
  }

  /** Asks one server after the other until one answers. */
  async #ask<T>(
    identity: Identity,
    method: 'GET' | 'POST',
    path: string,
    body: unknown,
    shape: { readonly texts: readonly (keyof T & string)[]; readonly lists: readonly (keyof T & string)[] },
  ): Promise<T> {
    const { env, requestTimeoutMs: timeoutMs, signal, pkiDirectory, servers } = this.#options;
    const ca = (await readCertificateFile(pkiDirectory, 'ca')) ?? '';
    let failure: unknown;
    for (const server of new Set([...this.#learned, ...servers])) {
      try {
        return await callJoin<T>({ server, ca, identity, env, timeoutMs, signal }, method, path, body, shape);
      } catch (error) {
        if (signal.aborted) throw error;
        failure = error;
      }
    }
    throw failure;
  }

  async #identity(): Promise<Identity> {
    const { pkiDirectory } = this.#options;
    const identity = await readIdentity(pkiDirectory, identityNames.node);
    if (identity !== undefined) return identity;
    throw new Error(`${pkiDirectory} holds no node.crt and node.key: join the cluster by \`timonel agent --token\``);
  }

  async #remembered(): Promise<readonly string[]> {
    const text = await readFileIfThere(this.#options.file);
    if (text === undefined) return [];
    try {
      const { servers } = JSON.parse(text) as { servers: unknown[] };
      return servers
        .map(String)
        .filter((url) => /^https:\/\/[^/]+$/.test(url))
        .slice(0, serverLimit);
    } catch {
      this.#options.log.warn(
        { file: this.#options.file },
        'the remembered servers cannot be read, using the given ones',
      );
      return [];
    }
  }

  async #remember(servers: readonly string[]): Promise<void> {
    const found = servers.slice(0, serverLimit);
    if (found.length === 0 || found.join() === this.#learned.join()) return;
    this.#learned = found;
    await writeFileAtomically(this.#options.file, `${JSON.stringify({ servers: found }, undefined, 2)}\n`);
  }
}
