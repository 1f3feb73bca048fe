/** All roles and bindings, and what they come to for a user. */
import type { UserInfo } from '@timonel/sdk/contracts/auth';
import type { Informers, Informer } from '@timonel/sdk/controller';
import {
  clusterRoleBindings,
  clusterRoles,
  roleBindings,
  roles,
  ruleAllows,
  type ClusterRole,
  type KubeObject,
  type PolicyRule,
  type Role,
  type RoleBinding,
  type RuleRequest,
} from '@timonel/sdk/kube';
import { subjectKeys, userKeys } from './subjects.ts';

const bySubject = 'subject';
/** Users and namespaces whose rules are kept ready. */
const keptLimit = 2000;
/** Answers that are kept for each of them, and for all. */
const answersLimit = 500;
const allAnswersLimit = 50_000;
/** Reviews ask with texts of any length: what is longer than what requests have is answered anew each time. */
const answerKeyLength = 1024;
const userKeyLength = 4096;
const namespaceLength = 63;

interface Kept {
  readonly rules: readonly PolicyRule[];
  readonly byName: boolean;
  readonly answers: Map<string, boolean>;
}

export class RuleBook {
  readonly #clusterRoles: Informer<ClusterRole>;
  readonly #roles: Informer<Role>;
  readonly #clusterRoleBindings: Informer<RoleBinding>;
  readonly #roleBindings: Informer<RoleBinding>;
  /** By user and namespace; empty again after each change of a role or binding. */
  readonly #kept = new Map<string, Kept>();
  /** Written to `#kept` since it was empty. */
  #answers = 0;

  constructor(informers: Informers) {
    const indexes = { [bySubject]: subjectKeys };
    this.#clusterRoles = informers.for(clusterRoles);
    this.#roles = informers.for(roles);
    this.#clusterRoleBindings = informers.for(clusterRoleBindings, { indexes });
    this.#roleBindings = informers.for(roleBindings, {
      indexes: {
        [bySubject]: (binding) => subjectKeys(binding).map((key) => `${binding.metadata.namespace ?? ''}/${key}`),
      },
    });
    const forget = (): void => this.#forget();
    const handler = { added: forget, updated: forget, deleted: forget };
    for (const informer of [this.#clusterRoles, this.#roles, this.#clusterRoleBindings, this.#roleBindings])
      (informer as Informer<KubeObject>).addHandler(handler);
  }

  allows(user: UserInfo, namespace: string, request: RuleRequest): boolean {
    const { rules, byName, answers } = this.#of(user, namespace);
    const { verb, group, resource, subresource, name, path } = request;
    // Each of these may hold any sign: joined by one of them, a path could be taken for a resource.
    const key = JSON.stringify([verb, path ?? null, group, resource, subresource, byName ? name : '']);
    const known = answers.get(key);
    if (known !== undefined) return known;
    const allowed = rules.some((rule) => ruleAllows(rule, request));
    if (key.length > answerKeyLength) return allowed;
    if (answers.size >= answersLimit) answers.clear();
    answers.set(key, allowed);
    this.#answers += 1;
    if (this.#answers > allAnswersLimit) this.#forget();
    return allowed;
  }

  /** All that the user may do in the namespace; empty: in the whole cluster. */
  rulesOf(user: UserInfo, namespace: string): readonly PolicyRule[] {
    return this.#of(user, namespace).rules;
  }

  /** What a binding in the namespace would grant; undefined: there is no such role. */
  rulesOfRole({ kind, name }: RoleBinding['roleRef'], namespace: string): readonly PolicyRule[] | undefined {
    const role = kind === 'ClusterRole' ? this.#clusterRoles.get(name) : this.#roles.get(`${namespace}/${name}`);
    return role === undefined ? undefined : (role.rules ?? []);
  }

  #of(user: UserInfo, namespace: string): Kept {
    const keys = userKeys(user);
    const cacheKey = JSON.stringify([namespace, keys]);
    const known = this.#kept.get(cacheKey);
    if (known !== undefined) return known;
    const rules = this.#find(keys, namespace);
    const byName = rules.some(({ resourceNames = [] }) => resourceNames.length > 0);
    const made: Kept = { rules, byName, answers: new Map() };
    if (cacheKey.length > userKeyLength || namespace.length > namespaceLength) return made;
    if (this.#kept.size >= keptLimit) this.#forget();
    this.#kept.set(cacheKey, made);
    return made;
  }

  #forget(): void {
    this.#kept.clear();
    this.#answers = 0;
  }

  #find(keys: readonly string[], namespace: string): PolicyRule[] {
    const bindings = new Set<RoleBinding>();
    for (const key of keys) {
      for (const binding of this.#clusterRoleBindings.byIndex(bySubject, key)) bindings.add(binding);
      if (namespace === '') continue;
      for (const binding of this.#roleBindings.byIndex(bySubject, `${namespace}/${key}`)) bindings.add(binding);
    }
    return [...bindings].flatMap(({ roleRef }) => this.rulesOfRole(roleRef, namespace) ?? []);
  }
}
