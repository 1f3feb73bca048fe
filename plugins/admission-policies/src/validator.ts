/** Policies that validate, with what binds them, on one request. */
import { errorMessage } from '@timonel/sdk';
import {
  evaluateConditions,
  isExempt,
  namespaceSelected,
  objectSelected,
  requestAttributes,
  RequestAuthorizer,
  requestObjects,
  ruleMatches,
} from '@timonel/sdk/admission';
import type { AdmissionRequest } from '@timonel/sdk/contracts/admission';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { forbiddenBy, type AdmissionContext, type AdmissionObject } from '@timonel/sdk/contracts/api-server';
import {
  isNotFound,
  namespaces,
  type AdmissionRule,
  type MatchResources,
  type Status,
  type ValidatingAdmissionPolicyBinding,
} from '@timonel/sdk/kube';
import { Evaluation, type CompiledPolicy } from './compiled-policy.ts';
import { judge, type Finding } from './judge.ts';
import { parametersOf } from './parameters.ts';

export interface BoundPolicy {
  readonly compiled: CompiledPolicy;
  readonly bindings: readonly ValidatingAdmissionPolicyBinding[];
}

const codes: Readonly<Record<string, number>> = {
  Invalid: 422,
  Forbidden: 403,
  Unauthorized: 401,
  RequestEntityTooLarge: 413,
};

/** By rules alone. Without rules: every request. */
export function rulesMatch(match: MatchResources | undefined, context: AdmissionContext): boolean {
  const { resourceRules = [], excludeResourceRules = [], matchPolicy } = match ?? {};
  const matches = (rule: AdmissionRule): boolean => ruleMatches(rule, context, matchPolicy);
  if (isExempt(context) || excludeResourceRules.some(matches)) return false;
  return resourceRules.length === 0 || resourceRules.some(matches);
}

interface Seen {
  readonly object: AdmissionObject;
  readonly request: AdmissionRequest;
  readonly values: Readonly<Record<string, unknown>>;
  readonly authorizer: RequestAuthorizer;
}

interface Place {
  readonly policy: string;
  readonly binding: ValidatingAdmissionPolicyBinding;
}

export class Validator {
  readonly #api: Pick<ApiClient, 'get' | 'list'>;
  readonly #uid: () => string;

  constructor(api: Pick<ApiClient, 'get' | 'list'>, uid: () => string) {
    this.#api = api;
    this.#uid = uid;
  }

  async validate(
    policies: readonly BoundPolicy[],
    object: AdmissionObject,
    request: AdmissionRequest,
  ): Promise<Status | undefined> {
    const namespace = request.namespace === undefined ? undefined : await this.#namespace(request.namespace);
    const values = {
      ...requestObjects(object, request),
      request: requestAttributes(object, request, this.#uid()),
      namespaceObject: namespace ?? null,
    };
    const audited: unknown[] = [];
    let refusal: Status | undefined;
    const seen = { object, request, values, authorizer: new RequestAuthorizer(request) };
    for (const bound of policies) {
      // What others have to say is said, too.
      const refused = await this.#policy(bound, seen, audited);
      refusal ??= refused;
    }
    if (audited.length > 0)
      request.annotate('validation.policy.admission.k8s.io/validation_failure', JSON.stringify(audited));
    return refusal;
  }

  async #namespace(name: string): Promise<unknown> {
    try {
      return await this.#api.get(namespaces, { name });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async #selects(match: MatchResources | undefined, { object, request, values }: Seen): Promise<boolean> {
    if (!rulesMatch(match, request) || !objectSelected(match?.objectSelector, object, request)) return false;
    const { namespaceObject } = values as { namespaceObject: { metadata: AdmissionObject['metadata'] } | null };
    const labelsOf = async (name: string) =>
      name === request.namespace
        ? namespaceObject?.metadata.labels
        : ((await this.#namespace(name)) as AdmissionObject | undefined)?.metadata.labels;
    return namespaceSelected(match?.namespaceSelector, object, request, labelsOf);
  }

  async #policy({ compiled, bindings }: BoundPolicy, seen: Seen, audited: unknown[]): Promise<Status | undefined> {
    const { policy, conditions } = compiled;
    if (!(await this.#selects(policy.spec.matchConstraints, seen))) return undefined;
    let refusal: Status | undefined;
    for (const binding of bindings) {
      if (!(await this.#selects(binding.spec.matchResources, seen))) continue;
      const place = { policy: policy.metadata.name ?? '', binding };
      const told = (finding: Finding): void => {
        const refused = this.#told(finding, place, seen.request, audited);
        refusal ??= refused;
      };
      const failed = (message: string): void => {
        if (policy.spec.failurePolicy !== 'Ignore') told({ message, reason: 'Invalid', index: 0 });
      };
      const parameters = await this.#parameters(compiled, binding, seen.request);
      if ('problem' in parameters) {
        failed(`failed to configure binding: ${parameters.problem}`);
        continue;
      }
      for (const params of parameters.objects) {
        const values = { ...seen.values, params };
        const outcome = await evaluateConditions(conditions, values, seen.authorizer);
        if (outcome === 'fail') continue;
        if (outcome !== 'hold') {
          failed(outcome.problem);
          continue;
        }
        const { findings, annotations } = await judge(compiled, new Evaluation(compiled, values, seen.authorizer));
        for (const [key, value] of Object.entries(annotations)) seen.request.annotate(key, value);
        findings.forEach(told);
      }
    }
    return refusal;
  }

  async #parameters(
    { policy }: CompiledPolicy,
    { spec: { paramRef } }: ValidatingAdmissionPolicyBinding,
    request: AdmissionRequest,
  ): Promise<{ readonly objects: readonly unknown[] } | { readonly problem: string }> {
    const { paramKind } = policy.spec;
    if (paramKind === undefined || paramRef === undefined) return { objects: [null] };
    try {
      return await parametersOf(paramKind, paramRef, request.namespace, this.#api);
    } catch (error) {
      return { problem: errorMessage(error) };
    }
  }

  /** A refusal, where the binding wants one. */
  #told(
    finding: Finding,
    { policy, binding }: Place,
    request: AdmissionRequest,
    audited: unknown[],
  ): Status | undefined {
    const { validationActions = [] } = binding.spec;
    const name = binding.metadata.name ?? '';
    const { message, reason, index } = finding;
    if (validationActions.includes('Warn'))
      request.warn(`Validation failed for ValidatingAdmissionPolicy '${policy}' with binding '${name}': ${message}`);
    if (validationActions.includes('Audit'))
      audited.push({ message, policy, binding: name, expressionIndex: index, validationActions });
    if (!validationActions.includes('Deny')) return undefined;
    const why = `ValidatingAdmissionPolicy '${policy}' with binding '${name}' denied request: ${message}`;
    const { status } = forbiddenBy(request, why);
    return {
      ...status,
      reason,
      code: codes[reason] ?? 422,
      details: { ...status.details, causes: [{ message: why }] },
    };
  }
}
