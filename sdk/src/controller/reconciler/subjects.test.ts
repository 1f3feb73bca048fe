import { describe, expect, it } from '@jest/globals';
import { configMaps, deployments, nodes, type KubeObject, type ResourceType } from '../../kube/index.ts';
import { subjectKey, subjectOfKey, subjectsOf } from './subjects.ts';

const several: readonly ResourceType[] = [configMaps, nodes, deployments] as readonly ResourceType[];
const web: KubeObject = { metadata: { namespace: 'a', name: 'web' } };

describe('subjects', () => {
  it('of one type have the keys of its objects', () => {
    const { types, typeOf, keyOf } = subjectsOf(configMaps);
    expect(types).toEqual([configMaps]);
    expect(typeOf('anything')).toBe(configMaps);
    expect(keyOf({ group: '', resource: 'configmaps', namespace: 'a', name: 'web' })).toBe('a/web');
    expect(subjectsOf(nodes).keyOf({ group: '', resource: 'nodes', name: 'n' })).toBe('n');
  });

  it('of several types have keys that name the type', () => {
    const { types, typeOf, keyOf } = subjectsOf(several);
    expect(types).toBe(several);
    for (const type of several) {
      const { group, resource } = type;
      const key = keyOf({ group, resource, namespace: 'a', name: 'web' });
      expect(key).toBe(subjectKey(type, web));
      expect(typeOf(key)).toBe(type);
      expect(subjectOfKey(several, key)).toEqual({ type, objectKey: 'a/web' });
    }
    expect(subjectOfKey(several, subjectKey(nodes, { metadata: { name: 'n' } }))).toEqual({
      type: nodes,
      objectKey: 'n',
    });
    expect(typeOf('batch/jobs a/web')).toBeUndefined();
  });
});
