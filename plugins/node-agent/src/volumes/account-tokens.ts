/** Tokens of service accounts for volumes of pods. They are kept until they are to be renewed, as the kubelet's token manager does it. */
import type { Env } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import type { AccountToken, TokenWish } from '@timonel/sdk/contracts/volume';
import { serviceAccounts, type Pod } from '@timonel/sdk/kube';
import { serviceAccountOf } from '../checkpoint/references.ts';

interface Known {
  readonly token: string;
  readonly expiresAt: number;
  readonly renewAt: number;
}

/** Of what the API answers. */
interface TokenAnswer {
  readonly status?: { readonly token?: string; readonly expirationTimestamp?: string };
}

const dayMs = 24 * 3600 * 1000;
/** The part of a life that is left when it is renewed. */
const lastPart = 0.2;
/** So that the tokens of many pods are not renewed at once. */
const spreadMs = 10_000;
/** One that could not be renewed, and is good still. */
const retryMs = 10_000;

export class AccountTokens {
  readonly #api: ApiClient;
  readonly #env: Env;
  /** By the uid of the pod, then by what was asked for. */
  readonly #known = new Map<string, Map<string, Known>>();

  constructor(api: ApiClient, env: Env) {
    this.#api = api;
    this.#env = env;
  }

  async of(pod: Pod, wish: TokenWish): Promise<AccountToken> {
    const { uid = '' } = pod.metadata;
    const own = this.#known.get(uid) ?? new Map<string, Known>();
    const key = `${wish.expirationSeconds} ${wish.audience}`;
    const known = own.get(key);
    const now = this.#env.clock.now();
    if (known !== undefined && now < known.renewAt) return answer(known, known.renewAt - now);
    try {
      const made = await this.#ask(pod, wish);
      own.set(key, made);
      this.#known.set(uid, own);
      return answer(made, made.renewAt - now);
    } catch (error) {
      if (known !== undefined && now < known.expiresAt) return answer(known, retryMs);
      throw error;
    }
  }

  forget(uid: string): void {
    this.#known.delete(uid);
  }

  async #ask(pod: Pod, { audience, expirationSeconds }: TokenWish): Promise<Known> {
    const { namespace = '', name = '', uid = '' } = pod.metadata;
    const body = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      metadata: {},
      spec: {
        audiences: audience === '' ? [] : [audience],
        expirationSeconds,
        boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
      },
    };
    const account = { namespace, name: serviceAccountOf(pod) };
    const made = (await this.#api.createSubresource(serviceAccounts, account, 'token', body)) as TokenAnswer;
    const { token = '', expirationTimestamp = '' } = made.status ?? {};
    const expiresAt = Date.parse(expirationTimestamp);
    if (token === '' || Number.isNaN(expiresAt)) throw new Error(`the API made no token for ${account.name}`);
    return { token, expiresAt, renewAt: this.#renewAt(expiresAt) };
  }

  #renewAt(expiresAt: number): number {
    const now = this.#env.clock.now();
    const life = Math.max(0, expiresAt - now);
    const spread = Math.min(spreadMs, life * lastPart) * this.#env.random.next();
    return now + Math.floor(Math.min(dayMs, life * (1 - lastPart)) - spread);
  }
}

function answer({ token, expiresAt }: Known, renewAfterMs: number): AccountToken {
  return { token, expiresAt, renewAfterMs };
}
