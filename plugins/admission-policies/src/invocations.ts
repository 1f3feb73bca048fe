/** Policies on a request: by each of their bindings, with each of its parameters. */
import { errorMessage } from '@timonel/sdk';
import {
  ExpressionBudget,
  namespaceOf,
  requestAttributes,
  RequestAuthorizer,
  requestObjects,
  unreadNamespace,
  type NamespaceLabels,
  type Pauses,
} from '@timonel/sdk/admission';
import type { AdmissionRequest, AdmissionView } from '@timonel/sdk/contracts/admission';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import type { AdmissionObject, ServedName } from '@timonel/sdk/contracts/api-server';
import { namespaces, type ApiError, type KubeObject, type MatchResources } from '@timonel/sdk/kube';
import type { MeantPolicy } from './bound-policies.ts';
import { isSelected } from './match.ts';
import { ParameterReader } from './parameters.ts';
import type { CompiledPolicy, PolicyBinding } from './policy.ts';

export interface Invocation<C> {
  readonly compiled: C;
  readonly binding: PolicyBinding;
  readonly name: ServedName;
  /** The parameter, or null; a problem: there should be one. */
  readonly params: { readonly object: KubeObject | null } | { readonly problem: string };
}

/** Whether it means the request is not known: the namespace of that could not be read. */
export interface Unmatched<C> {
  readonly compiled: C;
  /** Absent: that of the policy itself. */
  readonly binding?: PolicyBinding;
  readonly unread: ApiError;
}

export interface PolicyParts {
  readonly api: Pick<ApiClient, 'get' | 'list'>;
  readonly uid: () => string;
  readonly pauses: () => Pick<Pauses, 'due'>;
}

/** What policies on one request have in common: what they see beside its object, and what they may cost. */
export class Surroundings {
  readonly authorizer: RequestAuthorizer;
  /** Of all of them together. */
  readonly budget: ExpressionBudget = ExpressionBudget.ofRequest();
  readonly #parts: PolicyParts;
  readonly #request: AdmissionRequest;
  readonly #parameters: ParameterReader;
  readonly #uid: string;
  #namespace: Promise<KubeObject> | undefined;

  constructor(parts: PolicyParts, request: AdmissionRequest) {
    this.authorizer = new RequestAuthorizer(request);
    this.#parts = parts;
    this.#request = request;
    this.#parameters = new ParameterReader(parts.api);
    this.#uid = parts.uid();
  }

  /** What expressions are given, but for the parameters. @throws what the API throws */
  async valuesOf(subject: AdmissionObject, { request }: AdmissionView): Promise<Readonly<Record<string, unknown>>> {
    return {
      ...requestObjects(subject, request),
      request: requestAttributes(subject, request, this.#uid),
      namespaceObject: await this.#namespaceObject(),
    };
  }

  /** Of the request. @throws what the API throws, also when there is none */
  async #namespaceObject(): Promise<KubeObject | null> {
    const { namespace } = this.#request;
    if (namespace === undefined || namespace === '') return null;
    this.#namespace ??= this.#parts.api.get(namespaces, { name: namespace });
    return this.#namespace;
  }

  async #labelsOf(name: string): Promise<Readonly<Record<string, string>> | undefined> {
    const { namespace } = this.#request;
    const found = name === namespace ? await this.#namespaceObject() : await this.#parts.api.get(namespaces, { name });
    return found?.metadata.labels;
  }

  /** With pauses for others. `object`: as the request has it, before any of them changes it. */
  async *invocations<C extends CompiledPolicy>(
    policies: readonly MeantPolicy<C>[],
    object: AdmissionObject,
  ): AsyncGenerator<Invocation<C> | Unmatched<C>> {
    const pauses = this.#parts.pauses();
    for await (const invocation of this.#matching(policies, object)) {
      yield invocation;
      await pauses.due();
    }
  }

  async *#matching<C extends CompiledPolicy>(
    policies: readonly MeantPolicy<C>[],
    object: AdmissionObject,
  ): AsyncGenerator<Invocation<C> | Unmatched<C>> {
    for (const { compiled, bindings, name } of policies) {
      const meant = await this.#meant(compiled.policy.spec.matchConstraints, object);
      if (typeof meant === 'object') yield { compiled, unread: meant };
      if (meant !== true) continue;
      for (const binding of bindings) {
        const bound = await this.#meant(binding.spec.matchResources, object, true);
        if (typeof bound === 'object') yield { compiled, binding, unread: bound };
        if (bound !== true) continue;
        for (const params of await this.#paramsOf(compiled, binding)) yield { compiled, binding, name, params };
      }
    }
  }

  /** `seesNamespace`: what is meant must be able to read the namespace, too. */
  async #meant(
    match: MatchResources | undefined,
    object: AdmissionObject,
    seesNamespace = false,
  ): Promise<boolean | ApiError> {
    const labelsOf: NamespaceLabels = (name) => this.#labelsOf(name);
    try {
      const isMeant = await isSelected(match, object, this.#request, labelsOf);
      if (isMeant && seesNamespace) await this.#namespaceObject();
      return isMeant;
    } catch (error) {
      return unreadNamespace(this.#request, error);
    }
  }

  async #paramsOf(
    { policy }: CompiledPolicy,
    { spec: { paramRef } }: PolicyBinding,
  ): Promise<readonly Invocation<unknown>['params'][]> {
    const { paramKind } = policy.spec;
    if (paramKind === undefined || paramRef === undefined) return [{ object: null }];
    try {
      const found = await this.#parameters.read(paramKind, paramRef, namespaceOf(this.#request));
      return 'problem' in found ? [found] : found.objects.map((object) => ({ object }));
    } catch (error) {
      return [{ problem: errorMessage(error) }];
    }
  }
}
