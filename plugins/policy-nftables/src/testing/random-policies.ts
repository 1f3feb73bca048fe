import type { Random } from '@timonel/sdk';
import { familyOf } from '@timonel/sdk/contracts/network';
import type { NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort } from '@timonel/sdk/kube';

interface Choices {
  readonly namespaces: readonly string[];
  /** Values of the label `app`. */
  readonly apps: readonly string[];
  readonly cidrs: readonly string[];
  readonly ports: readonly NetworkPolicyPort[];
}

/** Policies of every shape that the API takes. */
export class RandomPolicies {
  readonly #random: Random;
  readonly #choices: Choices;

  constructor(random: Random, choices: Choices) {
    this.#random = random;
    this.#choices = choices;
  }

  next(name: string): NetworkPolicy {
    const types = this.#oneOf([undefined, ['Ingress'], ['Egress'], ['Ingress', 'Egress']]);
    const [ingress, egress] = [this.#rules('from'), this.#rules('to')];
    return {
      metadata: { namespace: this.#oneOf(this.#choices.namespaces), name },
      spec: {
        podSelector: this.#selector(),
        ...(types === undefined ? {} : { policyTypes: types }),
        ...(this.#happens() ? { ingress } : {}),
        ...(this.#happens() ? { egress } : {}),
      },
    };
  }

  #rules(side: 'from' | 'to'): object[] {
    return this.#some(3, () => ({
      ...(this.#happens() ? { [side]: this.#some(3, () => this.#peer()) } : {}),
      ...(this.#happens() ? { ports: this.#some(3, () => this.#oneOf(this.#choices.ports)) } : {}),
    }));
  }

  #peer(): NetworkPolicyPeer {
    const { cidrs, namespaces } = this.#choices;
    const namespaceSelector = this.#happens() ? {} : { matchLabels: { name: this.#oneOf(namespaces) } };
    switch (this.#random.int(4)) {
      case 0:
        return { podSelector: this.#selector() };
      case 1:
        return { namespaceSelector };
      case 2:
        return { podSelector: this.#selector(), namespaceSelector };
      default:
        return { ipBlock: this.#block(this.#oneOf(cidrs)) };
    }
  }

  #block(cidr: string): NonNullable<NetworkPolicyPeer['ipBlock']> {
    if (!this.#happens()) return { cidr };
    const sameFamily = this.#choices.cidrs.filter((other) => familyOf(other) === familyOf(cidr));
    return { cidr, except: [this.#oneOf(sameFamily)] };
  }

  #selector(): NonNullable<NetworkPolicyPeer['podSelector']> {
    const app = this.#oneOf(this.#choices.apps);
    const operator = this.#oneOf(['In', 'NotIn', 'Exists']);
    const values = operator === 'Exists' ? {} : { values: [app] };
    return this.#oneOf([{}, { matchLabels: { app } }, { matchExpressions: [{ key: 'app', operator, ...values }] }]);
  }

  #happens(): boolean {
    return this.#random.int(2) === 0;
  }

  #oneOf<T>(list: readonly T[]): T {
    const start = this.#random.int(list.length);
    for (const one of list.slice(start)) return one;
    throw new Error('there is nothing to choose from');
  }

  #some<T>(most: number, make: () => T): T[] {
    return Array.from({ length: this.#random.int(most) }, make);
  }
}
