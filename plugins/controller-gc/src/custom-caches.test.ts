import { expect, it } from '@jest/globals';
import type { Informer } from '@timonel/sdk/controller';
import { clusterRoles, typeOfDefinition, type CustomResourceDefinition, type KubeObject } from '@timonel/sdk/kube';
import { Caches } from './caches.ts';
import { CustomCaches } from './custom-caches.ts';

it('a definition that is named like a built-in type has no part in its cache', () => {
  const { group, kind, resource: plural } = clusterRoles;
  const definition: CustomResourceDefinition = {
    metadata: { name: `${plural}.${group}` },
    spec: { group, scope: 'Cluster', names: { plural, kind }, versions: [{ name: 'v9', served: true, storage: true }] },
    status: { conditions: [{ type: 'Established', status: 'True' }] },
  };
  const caches = new Caches();
  const own = {} as Informer<KubeObject>;
  caches.add(clusterRoles, own);
  let told: Record<'added' | 'deleted', (definition: CustomResourceDefinition) => void> | undefined;
  const definitions = { addHandler: (handler: unknown) => void (told = handler as NonNullable<typeof told>) };
  const custom = new CustomCaches({ caches, definitions } as unknown as ConstructorParameters<typeof CustomCaches>[0]);
  told?.added(definition);
  expect(caches.get(clusterRoles)).toBe(own);
  expect([...custom.all()]).toEqual([]);
  told?.deleted(definition);
  expect(caches.isGone(typeOfDefinition(definition))).toBe(false);
});
