/** The variable `authorizer` of expressions: who asks is the user of the request, or a service account. */
import {
  authorizerType,
  celAuthorizer,
  celResourceCheck,
  resourceCheckType,
  type CelAuthorizer,
  type CelAuthorizerDecision,
  type CelAuthorizerQuestion,
  type CelOutcome,
  type CelType,
} from '../cel/index.ts';
import type { AdmissionRequest } from '../contracts/admission/index.ts';
import type { UserInfo } from '../contracts/auth/index.ts';
import { errorMessage } from '../kernel/index.ts';

export const authorizerVariables: Readonly<Record<string, CelType>> = {
  authorizer: authorizerType,
  'authorizer.requestResource': resourceCheckType,
};

function userOf({ serviceAccount }: CelAuthorizerQuestion, user: UserInfo): UserInfo {
  if (serviceAccount === undefined) return user;
  const { namespace, name } = serviceAccount;
  const groups = ['system:serviceaccounts', `system:serviceaccounts:${namespace}`];
  return { username: `system:serviceaccount:${namespace}:${name}`, uid: '', groups, extra: {} };
}

/** Remembers what was answered: of one request. */
export class RequestAuthorizer implements CelAuthorizer {
  /** Values of {@link authorizerVariables}. */
  readonly variables: Readonly<Record<string, unknown>>;
  readonly #request: AdmissionRequest;
  readonly #answers = new Map<string, CelAuthorizerDecision>();
  readonly #pending = new Map<string, Promise<CelAuthorizerDecision>>();

  constructor(request: AdmissionRequest) {
    this.#request = request;
    const { subresource, namespace = '', name } = request;
    const { group, resource } = request.asked ?? request;
    this.variables = {
      authorizer: celAuthorizer(this),
      'authorizer.requestResource': celResourceCheck(this, { group, resource, subresource, namespace, name }),
    };
  }

  decide(question: CelAuthorizerQuestion): CelAuthorizerDecision | Promise<CelAuthorizerDecision> {
    const key = JSON.stringify(question);
    const known = this.#answers.get(key) ?? this.#pending.get(key);
    if (known !== undefined) return known;
    const asked = this.#asked(question).then((decision) => {
      this.#answers.set(key, decision);
      this.#pending.delete(key);
      return decision;
    });
    this.#pending.set(key, asked);
    return asked;
  }

  /** `attempt` evaluates at once, and again as long as there were new questions, which its costs bound. */
  async answering(attempt: () => CelOutcome): Promise<CelOutcome> {
    for (;;) {
      const outcome = attempt();
      if (this.#pending.size === 0) return outcome;
      await Promise.all(this.#pending.values());
    }
  }

  async #asked(question: CelAuthorizerQuestion): Promise<CelAuthorizerDecision> {
    const { verb, path, group = '', resource = '', subresource = '', namespace = '', name = '' } = question;
    const { fieldSelector } = question;
    try {
      const { allowed, reason, retryAfterSeconds } = await this.#request.authorize({
        user: userOf(question, this.#request.user),
        verb,
        group,
        version: path === undefined ? '*' : '',
        resource,
        subresource,
        namespace,
        name,
        ...(path === undefined ? {} : { path }),
        ...(fieldSelector === undefined ? {} : { fieldSelector }),
      });
      return { allowed, reason, ...(retryAfterSeconds === undefined ? {} : { error: reason }) };
    } catch (error) {
      return { allowed: false, error: errorMessage(error) };
    }
  }
}
