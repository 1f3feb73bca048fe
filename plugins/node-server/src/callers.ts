/** Who may call this node: the control planes by their certificates, others by what the cluster says of them. */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { errorMessage, type Clock, type Logger } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { ApiError, subjectAccessReviews } from '@timonel/sdk/kube';
import { readCertificate } from '@timonel/sdk/pki';
import { BoundedCache } from './bounded-cache.ts';
import { rightsFor } from './node-paths.ts';
import { tokenReviews, type ReviewedUser } from './reviews.ts';

export interface CallersParts {
  readonly groups: readonly string[];
  readonly clock: Pick<Clock, 'now'>;
  readonly log: Logger;
  nodeName(): string;
  /** Undefined: there is nobody to ask. */
  api(): Pick<ApiClient, 'create'> | undefined;
}

/** As the kubelet's: authentication.webhook.cacheTTL, authorization.webhook.cacheAuthorizedTTL and cacheUnauthorizedTTL. */
const knownTokenMs = 120_000;
const allowedMs = 300_000;
const refusedMs = 30_000;
/** Strangers cannot make the node ask more than this at a time. */
const reviewsAtOnce = 16;
const cached = 1000;

const unauthorized = (): ApiError => new ApiError('Unauthorized', 'Unauthorized');

export class Callers {
  readonly #parts: CallersParts;
  readonly #users: BoundedCache<ReviewedUser | undefined>;
  readonly #allowed: BoundedCache<boolean>;
  #reviews = 0;

  constructor(parts: CallersParts) {
    this.#parts = parts;
    this.#users = new BoundedCache(parts.clock, cached);
    this.#allowed = new BoundedCache(parts.clock, cached);
  }

  /** @throws ApiError Unauthorized, Forbidden, TooManyRequests, ServiceUnavailable */
  async check(request: IncomingMessage): Promise<void> {
    const shown = certificateOf(request, this.#parts.clock.now());
    if (shown?.groups?.some((name) => this.#parts.groups.includes(name)) === true) return;
    const user = shown ?? (await this.#userOfToken(request));
    if (user === undefined) throw unauthorized();
    const { pathname } = new URL(request.url ?? '/', 'https://node');
    const rights = request.headers.upgrade === undefined ? rightsFor(pathname) : [];
    for (const right of rights) if (await this.#may(user, right)) return;
    const needed =
      rights.length === 0 ? this.#parts.groups.join(' and ') : `who may get nodes/${rights.join(' or nodes/')}`;
    throw new ApiError('Forbidden', `"${user.username}" may not call ${pathname} of this node: only ${needed} may`);
  }

  async #userOfToken({ headers }: IncomingMessage): Promise<ReviewedUser | undefined> {
    const [, token] = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '') ?? [];
    if (token === undefined) return undefined;
    const key = createHash('sha256').update(token).digest('base64');
    const known = this.#users.get(key);
    if (known !== undefined) return known.value;
    const { status } = await this.#review((api) => api.create(tokenReviews, { metadata: {}, spec: { token } }));
    const user = status?.authenticated === true ? status.user : undefined;
    this.#users.set(key, user, user === undefined ? refusedMs : knownTokenMs);
    return user;
  }

  async #may(user: ReviewedUser, subresource: string): Promise<boolean> {
    const { username, uid, groups, extra } = user;
    const key = JSON.stringify([username, uid, groups, extra, subresource]);
    const known = this.#allowed.get(key);
    if (known !== undefined) return known.value;
    const name = this.#parts.nodeName();
    const resourceAttributes = { verb: 'get', version: 'v1', resource: 'nodes', subresource, name };
    const who = { user: username, ...(uid && { uid }), ...(groups && { groups }), ...(extra && { extra }) };
    const review = { metadata: {}, spec: { ...who, resourceAttributes } };
    const { status } = await this.#review((api) => api.create(subjectAccessReviews, review));
    const allowed = status?.allowed === true;
    this.#allowed.set(key, allowed, allowed ? allowedMs : refusedMs);
    return allowed;
  }

  async #review<T>(ask: (api: Pick<ApiClient, 'create'>) => Promise<T>): Promise<T> {
    const api = this.#parts.api();
    if (api === undefined) throw unauthorized();
    if (this.#reviews >= reviewsAtOnce) {
      throw new ApiError('TooManyRequests', 'too many callers are being looked up; please try again later', {
        retryAfterSeconds: 1,
      });
    }
    this.#reviews += 1;
    try {
      return await ask(api);
    } catch (error) {
      this.#parts.log.info({ error: errorMessage(error) }, 'a caller could not be looked up');
      throw new ApiError('ServiceUnavailable', 'the API, which knows who may call this node, does not answer');
    } finally {
      this.#reviews -= 1;
    }
  }
}

/** The handshake has checked the signature. Connections may outlive certificates. @throws ApiError Unauthorized */
function certificateOf(request: IncomingMessage, nowMs: number): ReviewedUser | undefined {
  const socket = request.socket as TLSSocket;
  const raw = socket.authorized ? socket.getPeerX509Certificate()?.raw : undefined;
  if (raw === undefined) return undefined;
  const { organizations, commonName, notAfter, notBefore } = readCertificate(raw);
  if (nowMs > notAfter || nowMs < notBefore) throw unauthorized();
  return { username: commonName, groups: [...organizations, 'system:authenticated'] };
}
