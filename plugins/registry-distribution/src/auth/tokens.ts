/** Bearer tokens: fetched at the address the registry names, kept for their life. */
import type { Env } from '@timonel/sdk';
import { BoundedMap } from '../bounded-map.ts';
import type { RegistryConfig } from '../config.ts';
import { RegistryFailure, untrusted } from '../failure.ts';
import { checkedTarget, mayCarrySecrets, type PlainHosts } from '../hosts/target.ts';
import { readBody, type Answer } from '../http/answer.ts';
import { refusalOf } from '../http/refusal.ts';
import type { Transport, TransportRequest } from '../http/transport.ts';
import { nameOf, type Candidate } from './candidates.ts';
import type { Challenge } from './challenge.ts';

export interface TokenRequest {
  /** Of the registry that wants the token. */
  readonly registry: URL;
  readonly challenge: Extract<Challenge, { scheme: 'bearer' }>;
  /** `repository:library/nginx:pull`. */
  readonly scopes: readonly string[];
  readonly candidate: Candidate;
  readonly plain: PlainHosts;
  readonly signal: AbortSignal | undefined;
}

interface Kept {
  readonly token: string;
  /** On the monotonic clock. */
  readonly until: number;
}

const keptLimit = 1000;
const answerLimitBytes = 256 * 1024;
const tokenLimitBytes = 12 * 1024;
const defaultLifeSeconds = 60;
const longestLifeSeconds = 24 * 3600;

function keyOf({ registry, challenge, scopes, candidate }: TokenRequest): string {
  return JSON.stringify([registry.origin, challenge.realm, challenge.service, scopes, candidate.id]);
}

export class Tokens {
  readonly #env: Env;
  readonly #config: RegistryConfig;
  readonly #transport: Transport;
  readonly #kept = new BoundedMap<string, Kept>(keptLimit);

  constructor(env: Env, config: RegistryConfig, transport: Transport) {
    this.#env = env;
    this.#config = config;
    this.#transport = transport;
  }

  /** @throws RegistryFailure: `denied` when these credentials get none */
  async get(request: TokenRequest): Promise<string> {
    const key = keyOf(request);
    const kept = this.#kept.get(key);
    if (kept !== undefined && kept.until > this.#env.clock.monotonic()) return kept.token;
    const asked = this.#env.clock.monotonic();
    const { token, lifeSeconds } = await this.#fetch(request);
    // A token is not used in the last tenth of its life: a request takes time.
    this.#kept.set(key, { token, until: asked + lifeSeconds * 900 });
    return token;
  }

  /** One that the registry refused. */
  drop(request: TokenRequest): void {
    this.#kept.delete(keyOf(request));
  }

  async #fetch(request: TokenRequest): Promise<{ token: string; lifeSeconds: number }> {
    const { registry, challenge, candidate, plain, signal } = request;
    const realm = checkedTarget(registry, challenge.realm, 'for a token', plain);
    const secret = candidate.credentials !== undefined;
    if (secret && !mayCarrySecrets(realm, plain)) {
      throw untrusted(
        `${registry.host} wants credentials to be sent to ${realm.origin}, without encryption: they are not sent`,
        `let the token server use HTTPS, or list ${realm.host} in insecurePlainHttp`,
      );
    }
    const answer = await this.#transport.send(tokenRequest(request, realm));
    if (answer.status !== 200) throw await this.#refusal(answer, request);
    const { requestTimeoutMs: timeoutMs } = this.#config;
    const limits = { timeoutMs, limitBytes: answerLimitBytes, what: 'the token', signal };
    return parseToken(await readBody(answer, limits), realm.host);
  }

  async #refusal(answer: Answer, { candidate, signal }: TokenRequest): Promise<RegistryFailure> {
    const { kind, message, status, advice, retryAfterMs } = await refusalOf(
      answer,
      { env: this.#env, config: this.#config },
      signal,
    );
    // Token servers answer a wrong refresh token with 400.
    const denied = kind === 'denied' || kind === 'refused';
    return new RegistryFailure(denied ? 'denied' : kind, `no token for ${nameOf(candidate)}: ${message}`, {
      ...(status === undefined ? {} : { status }),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      advice: denied ? 'correct the credentials, or have the right granted' : advice,
    });
  }
}

function tokenRequest(
  { registry: from, challenge, scopes, candidate, plain, signal }: TokenRequest,
  realm: URL,
): TransportRequest {
  const { credentials } = candidate;
  const { service } = challenge;
  if (credentials?.identityToken !== undefined && credentials.identityToken !== '') {
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      refresh_token: credentials.identityToken,
      client_id: 'timonel',
      service,
      scope: scopes.join(' '),
    });
    const headers = { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' };
    return { url: realm, method: 'POST', headers, body: Buffer.from(form.toString()), plain, signal, from };
  }
  const url = new URL(realm);
  if (service !== '') url.searchParams.set('service', service);
  for (const scope of scopes) url.searchParams.append('scope', scope);
  const authorization = credentials === undefined ? undefined : basicHeader(candidate);
  return { url, method: 'GET', headers: { accept: 'application/json' }, authorization, plain, signal, from };
}

/** `Authorization` with name and password. */
export function basicHeader({ credentials }: Candidate): string {
  const { username = '', password = '' } = credentials ?? {};
  return `Basic ${Buffer.from(`${username}:${password}`, 'utf8').toString('base64')}`;
}

function parseToken(body: Buffer, host: string): { token: string; lifeSeconds: number } {
  let answer: { token?: unknown; access_token?: unknown; expires_in?: unknown };
  try {
    answer = (JSON.parse(body.toString('utf8')) ?? {}) as typeof answer;
  } catch {
    throw untrusted(`${host} answered with no token, but something that is not JSON`);
  }
  const token = [answer.token, answer.access_token].find((value) => typeof value === 'string' && value !== '');
  if (typeof token !== 'string') throw untrusted(`${host} answered without a token`);
  if (token.length > tokenLimitBytes || !/^[\x21-\x7e]+$/.test(token)) {
    throw untrusted(`${host} answered with a token that no header can carry`);
  }
  const life = typeof answer.expires_in === 'number' && answer.expires_in > 0 ? answer.expires_in : defaultLifeSeconds;
  return { token, lifeSeconds: Math.min(life, longestLifeSeconds) };
}
