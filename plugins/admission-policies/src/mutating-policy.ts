/** Policies that mutate, compiled. */
import { PolicyScope, type MutationUse } from '@timonel/sdk/admission';
import type { MutatingAdmissionPolicy, PolicyMutation } from '@timonel/sdk/kube';
import { compileCommon, type CompiledPolicy, type Expression } from './policy.ts';

export interface CompiledMutation {
  readonly use: MutationUse;
  readonly expression: Expression;
}

export interface MutatingPolicy extends CompiledPolicy {
  readonly mutations: readonly CompiledMutation[];
  /** Whether it wants to see what others change after it. */
  readonly again: boolean;
}

function mutationOf({ patchType, applyConfiguration, jsonPatch }: PolicyMutation): [string, MutationUse] {
  return patchType === 'JSONPatch'
    ? [jsonPatch?.expression ?? '', 'json-patch']
    : [applyConfiguration?.expression ?? '', 'apply'];
}

export function compileMutating(policy: MutatingAdmissionPolicy): MutatingPolicy {
  const scope = new PolicyScope({ mutates: true });
  const common = compileCommon(policy, scope);
  const mutations = (policy.spec.mutations ?? []).map((mutation) => {
    const [expression, use] = mutationOf(mutation);
    return { use, expression: scope.compiled(expression, use) };
  });
  return { ...common, mutations, again: policy.spec.reinvocationPolicy === 'IfNeeded' };
}
