/** Calls of a registry's interface: which scheme, as whom, how often. */
import type { Env } from '@timonel/sdk';
import { Authorizer, type AuthorizationRequest } from './auth/authorizer.ts';
import { nameOf, type Candidate } from './auth/candidates.ts';
import { parseChallenge } from './auth/challenge.ts';
import { BoundedMap } from './bounded-map.ts';
import type { RegistryConfig } from './config.ts';
import { isFailure, RegistryFailure } from './failure.ts';
import type { Endpoint } from './hosts/endpoints.ts';
import type { SchemeFinder } from './hosts/scheme-finder.ts';
import { mayCarrySecrets, type PlainHosts } from './hosts/target.ts';
import { header, type Answer } from './http/answer.ts';
import type { StreamedBody } from './http/send-body.ts';
import { refusalOf } from './http/refusal.ts';
import type { Transport } from './http/transport.ts';
import type { Retries } from './retry.ts';

/** A repository at an endpoint, and as whom it may be used. */
export interface Target {
  readonly endpoint: Endpoint;
  /** With the endpoint's prefix. */
  readonly repository: string;
  readonly candidates: readonly Candidate[];
  readonly plain: PlainHosts;
  readonly signal: AbortSignal | undefined;
}

export interface Call {
  readonly method: string;
  /** Below the repository (`manifests/latest`); or an address the registry gave. */
  readonly to: string | URL;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | StreamedBody | undefined;
  /** Other answers are failures. */
  readonly expected: readonly number[];
  readonly push?: boolean;
  /** Another repository that is read in this call. */
  readonly from?: string;
  /** Default: as configured. */
  readonly tries?: number;
}

export interface CallerParts {
  readonly env: Env;
  readonly config: RegistryConfig;
  readonly transport: Transport;
  readonly schemes: SchemeFinder;
  readonly authorizer: Authorizer;
  readonly retries: Retries;
}

export class Caller {
  readonly #parts: CallerParts;
  /** As whom the last call of that kind succeeded, so that others are not tried in vain each time. */
  readonly #preferred = new BoundedMap<string, string>(1000);

  constructor(parts: CallerParts) {
    this.#parts = parts;
  }

  /** The body of the answer is the caller's to read or to discard. @throws RegistryFailure, or the reason of the signal */
  async call(target: Target, call: Call): Promise<Answer> {
    const { config, retries, schemes } = this.#parts;
    const attempt = async (): Promise<Answer> => {
      try {
        const answer = await this.#as(target, call, await this.#base(target));
        if (call.expected.includes(answer.status)) return answer;
        throw await refusalOf(answer, this.#parts, target.signal);
      } catch (error) {
        // Another registry may listen there by now; one that speaks HTTPS answers plain HTTP with 400.
        const other = isFailure(error) && (error.kind === 'unreachable' || error.status === 400);
        if (other && target.endpoint.scheme === 'either') schemes.forget(target.endpoint.authority);
        throw error;
      }
    };
    return retries.run(attempt, call.tries ?? config.tries, target.signal);
  }

  async #base({ endpoint: { scheme, authority }, signal }: Target): Promise<URL> {
    const found = scheme === 'either' ? await this.#parts.schemes.find(authority) : scheme;
    signal?.throwIfAborted();
    return new URL(`${found}://${authority}`);
  }

  /** As one after the other of those that may be meant. */
  async #as(target: Target, call: Call, base: URL): Promise<Answer> {
    const url = urlOf(target, call, base);
    // An address elsewhere has its permission in itself.
    if (url.origin !== base.origin) return { ...(await this.#send(target, call, url, undefined, base)), crossed: true };
    const key = JSON.stringify([
      base.origin,
      target.repository,
      call.push ?? false,
      ...target.candidates.map(({ id }) => id),
    ]);
    const preferred = this.#preferred.get(key);
    const order = [...target.candidates].sort(
      (one, other) => Number(other.id === preferred) - Number(one.id === preferred),
    );
    // What is sent as it is read can be sent once: as whoever was allowed to begin.
    const streamed = call.body !== undefined && 'size' in call.body;
    let denied: RegistryFailure | undefined;
    for (const candidate of streamed ? order.slice(0, 1) : order) {
      try {
        const answer = await this.#asOne(target, call, url, candidate);
        this.#preferred.set(key, candidate.id);
        return answer;
      } catch (error) {
        if (!isFailure(error) || error.kind !== 'denied') throw error;
        denied ??= error;
      }
    }
    throw deniedToAll(denied, target.candidates);
  }

  /** @throws RegistryFailure: `denied` for 401 and 403 */
  async #asOne(target: Target, call: Call, url: URL, candidate: Candidate): Promise<Answer> {
    const { authorizer } = this.#parts;
    const { plain, signal } = target;
    if (candidate.credentials !== undefined && !mayCarrySecrets(url, plain)) throw notSentPlainly(url);
    const request: AuthorizationRequest = { registry: url, scopes: scopesOf(target, call), candidate, plain, signal };
    const first = await authorizer.header(request);
    const answer = await this.#send(target, call, url, first);
    if (answer.status !== 401 && answer.status !== 403) return answer;
    const challenge =
      answer.status === 401 && !answer.crossed ? parseChallenge(header(answer, 'www-authenticate')) : undefined;
    const refusal = await refusalOf(answer, this.#parts, signal);
    if (challenge === undefined) throw refusal;
    authorizer.learn(request, challenge);
    const second = await authorizer.header(request);
    if (second === first) throw refusal;
    if (call.body !== undefined && 'size' in call.body) {
      throw new RegistryFailure('denied', `${url.host} wanted other credentials while it was sent to`, { stale: true });
    }
    const again = await this.#send(target, call, url, second);
    if (again.status === 401 || again.status === 403) throw await refusalOf(again, this.#parts, signal);
    return again;
  }

  #send(target: Target, call: Call, url: URL, authorization: string | undefined, from?: URL): Promise<Answer> {
    const { plain, signal } = target;
    const { method, headers = {}, body } = call;
    return this.#parts.transport.send({ url, method, headers, body, signal, plain, authorization, from });
  }
}

function urlOf({ endpoint, repository }: Target, { to, query = {} }: Call, base: URL): URL {
  const url = typeof to === 'string' ? new URL(`/v2/${repository}/${to}`, base) : new URL(to);
  const namespace = endpoint.mirrorOf === '' ? {} : { ns: endpoint.mirrorOf };
  const added = new URLSearchParams({ ...namespace, ...query }).toString();
  // What the registry gave stays as it is, to the letter: it may be signed.
  if (added !== '') url.search = url.search === '' ? added : `${url.search}&${added}`;
  return url;
}

function scopesOf({ repository }: Target, { push = false, from }: Call): readonly string[] {
  const own = `repository:${repository}:${push ? 'pull,push' : 'pull'}`;
  return from === undefined ? [own] : [own, `repository:${from}:pull`];
}

function notSentPlainly({ origin, host }: URL): RegistryFailure {
  const advice = `let it use HTTPS, or list ${host} in insecurePlainHttp`;
  return new RegistryFailure('denied', `credentials are not sent to ${origin}, without encryption`, { advice });
}

/** The first refusal says most: the last one is that of nobody. */
function deniedToAll(denied: RegistryFailure | undefined, candidates: readonly Candidate[]): RegistryFailure {
  if (denied === undefined || candidates.length < 2) return denied ?? new RegistryFailure('denied', 'nobody to be');
  const { message, status, stale } = denied;
  const advice = status === undefined ? denied.advice : 'correct the credentials, or have the right granted';
  const names = candidates.map((candidate) => nameOf(candidate)).join(', ');
  const details = { advice, stale, ...(status === undefined ? {} : { status }) };
  return new RegistryFailure('denied', `${message} (tried as ${names})`, details);
}
