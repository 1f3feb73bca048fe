/** Looks at the node's certificate now and then, and gets the next one in time. */
import { timestampOf } from '@timonel/sdk/kube';
import { errorMessage, type Env, type Logger, type TimerHandle } from '@timonel/sdk';
import { readFileIfThere, writeFileAtomically } from '@timonel/sdk/files';
import {
  callJoin,
  joinPaths,
  nodeReportQuery,
  type JoinPeer,
  type RenewAnswer,
  type RenewRequest,
  type ServersAnswer,
} from '@timonel/sdk/join';
import {
  bundleOf,
  authorityName,
  identityNames,
  isBelieved,
  isPair,
  isRenewalDue,
  isSignedBy,
  makeSigningRequest,
  nodeNameOfSubject,
  nodesGroup,
  readAuthorities,
  readBundle,
  readCertificate,
  readIdentity,
  signerOf,
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
  /** Told of each look that failed, and of one that did not. */
  readonly onOutcome: (problem: RenewalProblem | undefined) => void;
  /** Default: over the network. */
  readonly call?: typeof callJoin;
}

export interface RenewalProblem {
  readonly message: string;
  readonly nodeName: string;
  /** Ms since the epoch. */
  readonly notAfter: number;
  /** The next certificate should be there by now. */
  readonly isDue: boolean;
}

const serverLimit = 16;
const failed = 'the certificate of this node could not be looked after, will retry';
const answerShape = { texts: ['certificate', 'ca'], lists: ['servers'] } as const;
const listShape = { texts: [], lists: ['servers'] } as const;

const rejoin =
  'Pods go on; let the node join again: make a token by `timonel token create` on a server, then start `timonel agent --token TOKEN` here';

const statusOf = (error: unknown): unknown => (error as { status?: unknown }).status;

function problemOf(error: unknown, notAfter: number, nowMs: number): string {
  if (notAfter <= nowMs) {
    return `the certificate of this node has expired at ${timestampOf(notAfter)}, or the clock of this machine is wrong. ${rejoin}`;
  }
  if (statusOf(error) !== 401) return errorMessage(error);
  return `the servers do not know the certificate of this node any more: they have replaced the authority that signed it. ${rejoin}`;
}

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
      this.#running = this.look().then((nextMs) => this.#schedule(nextMs));
    });
  }

  /** One look. Resolves with when to look again. */
  async look(): Promise<number> {
    const { log, checkPeriodMs, retryMs, signal } = this.#options;
    const soonMs = Math.min(retryMs, checkPeriodMs);
    try {
      if (await this.#isDue()) await this.#renew();
      await this.#learn();
      // The servers may have told of a new authority.
      if (await this.#isDue()) {
        await this.#renew();
        await this.#learn();
      }
      this.#options.onOutcome(undefined);
      return checkPeriodMs;
    } catch (error) {
      if (signal.aborted) return soonMs;
      await this.#tell(error).catch(() => log.warn({ error: errorMessage(error) }, failed));
      return soonMs;
    }
  }

  async #tell(error: unknown): Promise<void> {
    const { env, log, onOutcome } = this.#options;
    const { commonName, notAfter } = readCertificate((await this.#identity()).certificatePem);
    const nodeName = nodeNameOfSubject({ commonName, organizations: [nodesGroup] }) ?? '';
    const message = problemOf(error, notAfter, env.clock.now());
    log.warn({ error: message }, failed);
    onOutcome({ message, nodeName, notAfter, isDue: await this.#isDue() });
  }

  async #isDue(): Promise<boolean> {
    const { env, addresses } = this.#options;
    const { certificatePem } = await this.#identity();
    const facts = readCertificate(certificatePem);
    const isMissing = addresses.some((address) => !facts.names.includes(address));
    return isMissing || isRenewalDue(facts, env.clock.now()) || !isSignedBy(certificatePem, await this.#authorities());
  }

  async #renew(): Promise<void> {
    const { env, log, pkiDirectory, addresses } = this.#options;
    const identity = await this.#identity();
    const { commonName } = readCertificate(identity.certificatePem);
    const body: RenewRequest = { csr: await makeSigningRequest(identity.keyPem, { commonName }), addresses };
    const answer = await this.#ask<RenewAnswer>(identity, 'POST', joinPaths.renew, body, answerShape);
    const next = { certificatePem: answer.certificate, keyPem: identity.keyPem };
    if (!isPair(next) || signerOf(answer.certificate, answer.ca) === undefined) {
      throw new Error('the answer is no certificate for the key of this node');
    }
    if (!isBelieved(answer.certificate, answer.ca, env.clock.now())) {
      throw new Error('the answer is not valid at the time of this machine: correct the clock here or of the server');
    }
    await this.#believe(answer.ca);
    // The key stays: one file is replaced, in one step.
    await writeCertificateFile(pkiDirectory, identityNames.node, answer.certificate);
    log.info({}, 'the certificate of this node has been renewed');
    await this.#remember(answer.servers);
  }

  async #learn(): Promise<void> {
    const identity = await this.#identity();
    const authorities = await this.#authorities();
    const issuer = signerOf(identity.certificatePem, authorities);
    const report = nodeReportQuery({
      issuer: issuer === undefined ? '' : readCertificate(issuer).publicKeyFingerprint,
      trusts: readBundle(authorities).map(({ publicKeyFingerprint }) => publicKeyFingerprint),
      notAfter: timestampOf(readCertificate(identity.certificatePem).notAfter),
    });
    const path = `${joinPaths.servers}?${report}`;
    const answer = await this.#ask<ServersAnswer>(identity, 'GET', path, undefined, listShape);
    if (answer.ca !== undefined) await this.#believe(answer.ca);
    await this.#remember(answer.servers);
  }

  /** The authorities that a server believes, which has proved to be one. One that lags behind does not take back what others said. */
  async #believe(pem: string): Promise<void> {
    const { pkiDirectory, log } = this.#options;
    const [before, after] = [await this.#authorities(), bundleOf(pem)];
    const [first] = readBundle(before);
    const [next] = readBundle(after);
    if (before === after || (first?.notBefore ?? 0) > (next?.notBefore ?? 0)) return;
    await writeCertificateFile(pkiDirectory, authorityName, after);
    log.info({ authorities: readBundle(after).length }, 'this node believes other authorities from now on');
  }

  async #authorities(): Promise<string> {
    const pem = await readAuthorities(this.#options.pkiDirectory);
    if (pem !== undefined) return pem;
    throw new Error(`${this.#options.pkiDirectory} holds no ca.crt: join the cluster by \`timonel agent --token\``);
  }

  /** Asks one server after the other until one answers. */
  async #ask<T>(
    identity: Identity,
    method: 'GET' | 'POST',
    path: string,
    body: unknown,
    shape: { readonly texts: readonly (keyof T & string)[]; readonly lists: readonly (keyof T & string)[] },
  ): Promise<T> {
    const { env, requestTimeoutMs: timeoutMs, signal, servers, call = callJoin } = this.#options;
    const ca = await this.#authorities();
    let failure: unknown;
    for (const server of new Set([...this.#learned, ...servers])) {
      try {
        const peer: JoinPeer = { server, ca, identity, env, timeoutMs, signal };
        return await call<T>(peer, method, path, body, shape);
      } catch (error) {
        if (signal.aborted) throw error;
        // What a server said tells more than that another one is away.
        if (failure === undefined || statusOf(error) !== undefined) failure = error;
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
