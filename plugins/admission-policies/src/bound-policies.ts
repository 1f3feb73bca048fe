/** The policies that something binds, compiled when they are first needed. */
import type { AdmissionContext, ServedName } from '@timonel/sdk/contracts/api-server';
import type { InformerHandler } from '@timonel/sdk/controller';
import { nameInMatch } from './match.ts';
import type { PolicyBinding, Policy } from './policy.ts';

/** What is used of an informer. */
export interface Cached<T> {
  list(): readonly T[];
  addHandler(handler: InformerHandler<T>): () => void;
}

export interface Bound<C> {
  readonly compiled: C;
  /** By name. */
  readonly bindings: readonly PolicyBinding[];
}

/** A policy whose rules mean a request. */
export interface MeantPolicy<C> extends Bound<C> {
  /** In whose form its expressions see objects. */
  readonly name: ServedName;
}

const byName = (a: Policy | PolicyBinding, b: Policy | PolicyBinding): number =>
  (a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1;

/** Bindings by the policy that they name. */
class BindingIndex {
  readonly #byPolicy = new Map<string, Map<string, PolicyBinding>>();
  readonly #sorted = new Map<string, readonly PolicyBinding[]>();

  add(binding: PolicyBinding): void {
    const { policyName } = binding.spec;
    const its = this.#byPolicy.get(policyName) ?? new Map<string, PolicyBinding>();
    its.set(binding.metadata.name ?? '', binding);
    this.#byPolicy.set(policyName, its);
    this.#sorted.delete(policyName);
  }

  remove({ metadata: { name = '' }, spec: { policyName } }: PolicyBinding): void {
    const its = this.#byPolicy.get(policyName);
    its?.delete(name);
    if (its?.size === 0) this.#byPolicy.delete(policyName);
    this.#sorted.delete(policyName);
  }

  of(policy: string): readonly PolicyBinding[] {
    const its = this.#byPolicy.get(policy);
    if (its === undefined) return [];
    const sorted = this.#sorted.get(policy) ?? [...its.values()].toSorted(byName);
    this.#sorted.set(policy, sorted);
    return sorted;
  }
}

export class BoundPolicies<P extends Policy, C> {
  readonly #compile: (policy: P) => C;
  readonly #compiled = new WeakMap<P, C>();
  readonly #policies: Cached<P>;
  readonly #bindings = new BindingIndex();
  #sorted: readonly P[] | undefined;

  constructor(policies: Cached<P>, bindings: Cached<PolicyBinding>, compile: (policy: P) => C) {
    this.#policies = policies;
    this.#compile = compile;
    const forget = (): void => void (this.#sorted = undefined);
    policies.addHandler({ added: forget, updated: forget, deleted: forget });
    bindings.addHandler({
      added: (binding) => this.#bindings.add(binding),
      updated: (binding, old) => {
        this.#bindings.remove(old);
        this.#bindings.add(binding);
      },
      deleted: (binding) => this.#bindings.remove(binding),
    });
  }

  /** Those that are bound and whose rules mean the request, by name. */
  meaning(context: AdmissionContext): readonly MeantPolicy<C>[] {
    this.#sorted ??= this.#policies.list().toSorted(byName);
    return this.#sorted.flatMap((policy) => {
      const bindings = this.#bindings.of(policy.metadata.name ?? '');
      const name = bindings.length === 0 ? undefined : nameInMatch(policy.spec.matchConstraints, context);
      return name === undefined ? [] : [{ compiled: this.#compiledOf(policy), bindings, name }];
    });
  }

  #compiledOf(policy: P): C {
    const known = this.#compiled.get(policy) ?? this.#compile(policy);
    this.#compiled.set(policy, known);
    return known;
  }
}
