import { describe, expect, it } from '@jest/globals';
import { openApiHash, resourcesIn } from './resources.ts';

const list = (resources: unknown): unknown => ({ kind: 'APIResourceList', resources });

describe('what a server says it serves', () => {
  it('is taken as far as it makes sense', () => {
    const status = {
      name: 'things/status',
      kind: 'Thing',
      namespaced: true,
      verbs: ['get'],
      group: 'x',
      version: 'v1',
    };
    const many = Array.from({ length: 99 }, () => 'v');
    const resources = [
      { name: 'things', kind: 'Thing', namespaced: true, verbs: many, shortNames: ['th', 7, '<script>'], other: {} },
      status,
      { name: '', kind: 'Thing' },
      { name: 'things\n', kind: 'Thing' },
      { name: 'a'.repeat(300), kind: 'Thing' },
      null,
      7,
    ];
    expect(resourcesIn(list(resources))).toEqual([
      { name: 'things', kind: 'Thing', namespaced: true, verbs: many.slice(0, 50), shortNames: ['th'] },
      status,
    ]);
  });

  it.each<[string, unknown]>([
    ['is nothing', null],
    ['is a text', 'hello'],
    ['is another kind', { kind: 'Status', resources: [] }],
    ['has no list', list({})],
    ['has too many', list(Array.from({ length: 1001 }, () => ({})))],
  ])('is refused when it %s', (_, answer) => {
    expect(() => resourcesIn(answer)).toThrow(/the answer/);
  });
});

describe('the hash of a document', () => {
  it('is that of the index, if it can stand in an address', () => {
    const index = (serverRelativeURL: unknown): unknown => ({ paths: { 'apis/a/v1': { serverRelativeURL } } });
    expect(openApiHash(index('/openapi/v3/apis/a/v1?hash=ABC'), 'apis/a/v1')).toBe('ABC');
    expect(openApiHash(index('/openapi/v3/apis/a/v1'), 'apis/a/v1')).toBe('0');
    expect(openApiHash(index('/x?hash="><'), 'apis/a/v1')).toBe('0');
    expect(openApiHash(index(7), 'apis/a/v1')).toBeUndefined();
    expect(openApiHash(index('/x'), 'apis/b/v1')).toBeUndefined();
    expect(openApiHash({ paths: [] }, 'constructor')).toBeUndefined();
  });
});
