/** Who somebody is and what they may do, for kinds that only answer such questions. */
import type { HookCaller } from '@timonel/sdk';
import type { AccessAttributes, AccessDecision, AnswerContext, apiHooks } from '@timonel/sdk/contracts/api-server';
import type { Identity } from '@timonel/sdk/contracts/auth';

const openToAll: AccessDecision = Object.freeze({
  allowed: true,
  reason: 'no plugin restricts access: everybody who is authenticated may do everything',
});

export class Access {
  readonly #hooks: { readonly accessDecide: HookCaller<typeof apiHooks.accessDecide> };
  readonly #identify: AnswerContext['authenticate'];

  constructor(
    hooks: { readonly accessDecide: HookCaller<typeof apiHooks.accessDecide> },
    identify: (bearerToken: string, audiences?: readonly string[]) => Promise<Identity | undefined>,
  ) {
    this.#hooks = hooks;
    this.#identify = identify;
  }

  get questions(): Pick<AnswerContext, 'authenticate' | 'authorize'> {
    return { authenticate: this.#identify, authorize: (attributes) => this.decide(attributes) };
  }

  async decide(attributes: AccessAttributes): Promise<AccessDecision> {
    if (this.#hooks.accessDecide.size === 0) return openToAll;
    return (await this.#hooks.accessDecide.call(attributes, undefined)) ?? openToAll;
  }
}
