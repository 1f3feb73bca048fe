import { describe, expect, it } from '@jest/globals';
import type { UserInfo } from '@timonel/sdk/contracts/auth';
import type { Informers } from '@timonel/sdk/controller';
import { clusterRoleBindings, clusterRoles, type PolicyRule, type RuleRequest } from '@timonel/sdk/kube';
import { RuleBook } from './rule-book.ts';

const user: UserInfo = { username: 'u', uid: '', groups: [], extra: {} };
const nothing: RuleRequest = { verb: 'get', group: '', resource: '', subresource: '', name: '' };

/** A book with one role, bound to everybody, which counts how often rules are looked for and looked at. */
function bookOf({ verbs, ...rest }: PolicyRule): { book: RuleBook; found: () => number; looked: () => number } {
  const counts = { found: 0, looked: 0 };
  const rule = {
    ...rest,
    get verbs(): string[] {
      counts.looked += 1;
      return verbs;
    },
  };
  const role = { metadata: { name: 'r' }, rules: [rule] };
  const binding = { metadata: { name: 'b' }, roleRef: { apiGroup: '', kind: 'ClusterRole', name: 'r' } };
  const informerOf = (type: unknown) => ({
    addHandler: () => undefined,
    get: () => (type === clusterRoles ? role : undefined),
    byIndex: () => {
      if (type !== clusterRoleBindings) return [];
      counts.found += 1;
      return [binding];
    },
  });
  const informers = { for: informerOf } as unknown as Informers;
  return { book: new RuleBook(informers), found: () => counts.found, looked: () => counts.looked };
}

describe('rules of a user', () => {
  it('of paths never open a resource, whatever was asked before', () => {
    const { book } = bookOf({ verbs: ['*'], nonResourceURLs: ['*'] });
    const group = 'rbac.authorization.k8s.io';
    const resource = 'clusterrolebindings';
    for (const path of ['/nodes/', '/nodes/ ', `${group}/${resource}/`, `${group}/${resource}/ `])
      for (const verb of ['get', 'create']) expect(book.allows(user, '', { ...nothing, verb, path })).toBe(true);
    expect(book.allows(user, '', { ...nothing, resource: 'nodes' })).toBe(false);
    expect(book.allows(user, '', { ...nothing, verb: 'create', group, resource })).toBe(false);
  });

  it('of one resource open no other by the way its texts are put together', () => {
    const { book } = bookOf({ verbs: ['get'], apiGroups: ['*'], resources: ['*/b'] });
    expect(book.allows(user, '', { ...nothing, group: 'a/x', resource: 'c', subresource: 'b' })).toBe(true);
    expect(book.allows(user, '', { ...nothing, group: 'a', resource: 'x', subresource: 'c/b' })).toBe(false);
  });

  it('are kept with their answers, but not under texts of any length', () => {
    const { book, found, looked } = bookOf({ verbs: ['get'], apiGroups: [''], resources: ['pods'] });
    const times = (of: () => number, namespace: string, who: UserInfo, resource: string): number => {
      const before = of();
      for (let count = 0; count < 3; count += 1) book.allows(who, namespace, { ...nothing, resource });
      return of() - before;
    };
    expect(times(looked, 'a', user, 'pods')).toBe(1);
    expect(times(looked, 'a', user, 'p'.repeat(2000))).toBe(3);
    expect(times(found, 'b', user, 'pods')).toBe(1);
    expect(times(found, 'b'.repeat(64), user, 'pods')).toBe(3);
    expect(times(found, 'b', { ...user, username: 'u'.repeat(5000) }, 'pods')).toBe(3);
  });

  it('are forgotten when answers of many namespaces have become too many', () => {
    const { book, found } = bookOf({ verbs: ['get'], apiGroups: [''], resources: ['pods'] });
    const ask = (namespace: number, resource: number): boolean =>
      book.allows(user, `n${namespace}`, { ...nothing, resource: `r${resource}` });
    for (let namespace = 0; namespace < 200; namespace += 1)
      for (let resource = 0; resource < 300; resource += 1) ask(namespace, resource);
    const before = found();
    ask(199, 0);
    expect(found()).toBe(before);
    ask(0, 0);
    expect(found()).toBe(before + 1);
  });
});
