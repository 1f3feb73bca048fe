/** Policies on a request: by each of their bindings, with each of its parameters. */
import { errorMessage } from '@timonel/sdk';
import { namespaceOf, type NamespaceLabels, type Pauses } from '@timonel/sdk/admission';
import type { AdmissionRequest } from '@timonel/sdk/contracts/admission';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import type { AdmissionObject, ServedName } from '@timonel/sdk/contracts/api-server';
import { isNotFound, namespaces, type KubeObject } from '@timonel/sdk/kube';
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

export interface PolicyParts {
  readonly api: Pick<ApiClient, 'get' | 'list'>;
  readonly uid: () => string;
  readonly pauses: () => Pick<Pauses, 'due'>;
}

/** Reads what policies on one request need beside it. */
export class Surroundings {
  readonly #api: PolicyParts['api'];
  readonly #request: AdmissionRequest;
  readonly #parameters: ParameterReader;
  #namespace: Promise<KubeObject | undefined> | undefined;

  constructor(api: PolicyParts['api'], request: AdmissionRequest) {
    this.#api = api;
    this.#request = request;
    this.#parameters = new ParameterReader(api);
  }

  /** Of the request. */
  async namespaceObject(): Promise<KubeObject | null> {
    const { namespace } = this.#request;
    if (namespace === undefined || namespace === '') return null;
    this.#namespace ??= this.#read(namespace);
    return (await this.#namespace) ?? null;
  }

  async #read(name: string): Promise<KubeObject | undefined> {
    try {
      return await this.#api.get(namespaces, { name });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async #labelsOf(name: string): Promise<Readonly<Record<string, string>> | undefined> {
    const found = name === this.#request.namespace ? await this.namespaceObject() : await this.#read(name);
    return found?.metadata.labels;
  }

  /** `object`: as the request has it, before any of them changes it. */
  async *invocations<C extends CompiledPolicy>(
    policies: readonly MeantPolicy<C>[],
    object: AdmissionObject,
  ): AsyncGenerator<Invocation<C>> {
    const labelsOf: NamespaceLabels = (name) => this.#labelsOf(name);
    for (const { compiled, bindings, name } of policies) {
      if (!(await isSelected(compiled.policy.spec.matchConstraints, object, this.#request, labelsOf))) continue;
      for (const binding of bindings) {
        if (!(await isSelected(binding.spec.matchResources, object, this.#request, labelsOf))) continue;
        for (const params of await this.#paramsOf(compiled, binding)) yield { compiled, binding, name, params };
      }
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
