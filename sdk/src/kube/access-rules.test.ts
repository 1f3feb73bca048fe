import { describe, expect, it } from '@jest/globals';
import { ruleAllows, uncoveredRules } from './access-rules.ts';
import type { PolicyRule } from './rbac.ts';

const request = { verb: 'get', group: '', resource: 'pods', subresource: '', name: 'a' };
const podReader: PolicyRule = { verbs: ['get', 'list'], apiGroups: [''], resources: ['pods'] };

describe('ruleAllows', () => {
  it.each<[string, PolicyRule, Partial<typeof request> & { path?: string }, boolean]>([
    ['the very thing', podReader, {}, true],
    ['another verb', podReader, { verb: 'delete' }, false],
    ['another group', podReader, { group: 'metrics.k8s.io' }, false],
    ['a subresource', podReader, { subresource: 'log' }, false],
    ['a named subresource', { ...podReader, resources: ['pods/log'] }, { subresource: 'log' }, true],
    ['the object by its subresource', { ...podReader, resources: ['pods/log'] }, {}, false],
    ['a subresource of all', { ...podReader, resources: ['*/log'] }, { subresource: 'log' }, true],
    ['everything', { verbs: ['*'], apiGroups: ['*'], resources: ['*'] }, { subresource: 'x', group: 'y' }, true],
    ['a name', { ...podReader, resourceNames: ['a'] }, {}, true],
    ['another name', { ...podReader, resourceNames: ['b'] }, {}, false],
    ['no name', { ...podReader, resourceNames: ['a'] }, { verb: 'list', name: '' }, false],
    ['a path', { verbs: ['get'], nonResourceURLs: ['/apis/*'] }, { path: '/apis/x' }, true],
    ['another path', { verbs: ['get'], nonResourceURLs: ['/apis/*'] }, { path: '/api' }, false],
    ['a path by rules of resources', { verbs: ['*'], apiGroups: ['*'], resources: ['*'] }, { path: '/x' }, false],
    ['a resource by rules of paths', { verbs: ['*'], nonResourceURLs: ['*'] }, {}, false],
  ])('%s', (_, rule, asked, allowed) => expect(ruleAllows(rule, { ...request, ...asked })).toBe(allowed));
});

describe('uncoveredRules', () => {
  it('says what is not held, one thing each', () => {
    const wanted = [{ verbs: ['get', 'delete'], apiGroups: ['', 'apps'], resources: ['pods'] }];
    expect(uncoveredRules([podReader], wanted)).toEqual({
      gaveUp: false,
      rules: [
        { verbs: ['get'], apiGroups: ['apps'], resources: ['pods'] },
        { verbs: ['delete'], apiGroups: [''], resources: ['pods'] },
        { verbs: ['delete'], apiGroups: ['apps'], resources: ['pods'] },
      ],
    });
  });

  it.each<[string, PolicyRule[], PolicyRule[], boolean]>([
    ['the same', [podReader], [podReader], true],
    [
      'by several together',
      [podReader, { ...podReader, verbs: ['watch'] }],
      [{ ...podReader, verbs: ['watch', 'get'] }],
      true,
    ],
    [
      'a star from a list',
      [{ ...podReader, verbs: ['get', 'list', 'watch'] }],
      [{ ...podReader, verbs: ['*'] }],
      false,
    ],
    ['all names from one', [{ ...podReader, resourceNames: ['a'] }], [podReader], false],
    ['one name from all', [podReader], [{ ...podReader, resourceNames: ['a'] }], true],
    [
      'a subresource from all of them',
      [{ ...podReader, resources: ['*/log'] }],
      [{ ...podReader, resources: ['pods/log'] }],
      true,
    ],
    [
      'a path from a star',
      [{ verbs: ['get'], nonResourceURLs: ['/a/*'] }],
      [{ verbs: ['get'], nonResourceURLs: ['/a/b'] }],
      true,
    ],
    [
      'a star from a path',
      [{ verbs: ['get'], nonResourceURLs: ['/a/b'] }],
      [{ verbs: ['get'], nonResourceURLs: ['/a/*'] }],
      false,
    ],
    [
      'paths from resources',
      [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }],
      [{ verbs: ['get'], nonResourceURLs: ['/a'] }],
      false,
    ],
  ])('%s', (_, owned, wanted, covered) => expect(uncoveredRules(owned, wanted).rules.length === 0).toBe(covered));

  it('gives up on what would take too long', () => {
    const many = Array.from({ length: 1000 }, (_, index) => `r${index}`);
    const wanted = [{ verbs: many, apiGroups: many, resources: ['x'] }];
    const owned = [{ verbs: many.slice(0, 500), apiGroups: ['*'], resources: ['*'] }];
    expect(uncoveredRules(owned, wanted)).toEqual({ rules: [], gaveUp: true });
  });
});
