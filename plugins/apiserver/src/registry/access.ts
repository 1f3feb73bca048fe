/** What somebody may do. */
import type { HookCaller, Many } from '@timonel/sdk';
import type {
  AccessAttributes,
  AccessDecision,
  AccessRules,
  AccessRuleSource,
  AnswerContext,
  apiHooks,
} from '@timonel/sdk/contracts/api-server';
import type { Identity, UserInfo } from '@timonel/sdk/contracts/auth';
import { ApiError } from '@timonel/sdk/kube';
import { forbidden } from './forbidden.ts';

const administrators = 'system:masters';

const openToAll: AccessDecision = Object.freeze({
  allowed: true,
  reason: 'no plugin restricts access: everybody who is authenticated may do everything',
});
const ofAdministrators: AccessDecision = Object.freeze({ allowed: true, reason: '' });
/** As when the server starts. */
const nobodyDecides: AccessDecision = Object.freeze({
  allowed: false,
  reason: 'no plugin decides on access at the moment; please try again',
  retryAfterSeconds: 1,
});
const undecided: AccessDecision = Object.freeze({ allowed: false, reason: '' });

const everything: AccessRules = Object.freeze({
  resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }],
  nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
  incomplete: false,
});

export interface AccessParts {
  readonly hooks: { readonly accessDecide: HookCaller<typeof apiHooks.accessDecide> };
  readonly ruleSources: Many<AccessRuleSource>;
  readonly identify: (bearerToken: string, audiences?: readonly string[]) => Promise<Identity | undefined>;
  /** What holds where nobody decides. */
  readonly access: 'open' | 'decided';
}

export class Access {
  readonly #parts: AccessParts;

  constructor(parts: AccessParts) {
    this.#parts = parts;
  }

  get questions(): Pick<AnswerContext, 'authenticate' | 'authorize' | 'rulesFor'> {
    return {
      authenticate: this.#parts.identify,
      authorize: (attributes) => this.decide(attributes),
      rulesFor: (user, namespace) => this.#rulesFor(user, namespace),
    };
  }

  async decide(attributes: AccessAttributes): Promise<AccessDecision> {
    return this.#known(attributes.user) ?? (await this.#asked(attributes));
  }

  /** Nothing is waited for where the answer is known. @throws ApiError Forbidden, ServiceUnavailable */
  async enforce(attributes: AccessAttributes): Promise<void> {
    const { allowed, reason, retryAfterSeconds } = await this.decide(attributes);
    if (allowed) return;
    if (retryAfterSeconds === undefined) throw forbidden(attributes, reason);
    throw new ApiError('ServiceUnavailable', reason, { retryAfterSeconds });
  }

  /** Whether everything is allowed to the user, whatever it is. */
  isUnlimited(user: UserInfo): boolean {
    return this.#known(user)?.allowed === true;
  }

  #known({ groups }: UserInfo): AccessDecision | undefined {
    if (groups.includes(administrators)) return ofAdministrators;
    if (this.#parts.hooks.accessDecide.size > 0) return undefined;
    return this.#parts.access === 'open' ? openToAll : nobodyDecides;
  }

  async #asked(attributes: AccessAttributes): Promise<AccessDecision> {
    const answer = await this.#parts.hooks.accessDecide.call(attributes, undefined);
    return answer ?? (this.#parts.access === 'open' ? openToAll : undecided);
  }

  async #rulesFor(user: UserInfo, namespace: string): Promise<AccessRules> {
    const sources = this.#parts.ruleSources.all();
    if (this.isUnlimited(user) || (sources.length === 0 && this.#parts.access === 'open')) return everything;
    const found = await Promise.all(sources.map(({ service }) => service.rulesFor(user, namespace)));
    const errors = found.flatMap(({ evaluationError }) => evaluationError ?? []);
    return {
      resourceRules: found.flatMap(({ resourceRules }) => resourceRules),
      nonResourceRules: found.flatMap(({ nonResourceRules }) => nonResourceRules),
      incomplete: found.length === 0 || found.some(({ incomplete }) => incomplete),
      ...(errors.length === 0 ? {} : { evaluationError: errors.join('; ') }),
    };
  }
}
