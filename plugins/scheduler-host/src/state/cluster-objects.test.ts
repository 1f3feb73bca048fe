import { describe, expect, it } from '@jest/globals';
import type { InformerHandler, Informers } from '@timonel/sdk/controller';
import { objectKey, type KubeObject, type ResourceType } from '@timonel/sdk/kube';
import { InformedObjects } from './cluster-objects.ts';

/** Informers whose objects the test puts in. */
class FakeInformers {
  readonly #caches = new Map<string, Map<string, KubeObject>>();
  readonly #handlers = new Map<string, InformerHandler<KubeObject>>();

  for(type: ResourceType): unknown {
    const cache = new Map<string, KubeObject>();
    this.#caches.set(type.resource, cache);
    return {
      get: (key: string) => cache.get(key),
      list: () => [...cache.values()],
      addHandler: (handler: InformerHandler<KubeObject>) => this.#handlers.set(type.resource, handler),
    };
  }

  put(resource: string, metadata: KubeObject['metadata']): void {
    const object = { metadata };
    this.#caches.get(resource)?.set(objectKey(object), object);
    this.#handlers.get(resource)?.added?.(object);
  }
}

describe('objects of the cluster', () => {
  it('are found by their names, and every change raises the generation and is told', () => {
    const informers = new FakeInformers();
    const told: string[] = [];
    const objects = new InformedObjects(informers as unknown as Informers, (resource) => told.push(resource));
    const resources = ['namespaces', 'persistentvolumes', 'storageclasses', 'csinodes', 'csidrivers'];
    for (const resource of resources) informers.put(resource, { name: 'x', labels: { is: resource } });
    for (const resource of ['persistentvolumeclaims', 'poddisruptionbudgets', 'csistoragecapacities']) {
      informers.put(resource, { name: 'x', namespace: 'n', labels: { is: resource } });
    }
    const labels = (object: KubeObject | undefined): string | undefined => object?.metadata.labels?.['is'];
    expect(objects.namespaceLabels('x')).toEqual({ is: 'namespaces' });
    expect(objects.namespaceLabels('y')).toEqual({});
    expect(labels(objects.persistentVolume('x'))).toBe('persistentvolumes');
    expect([...objects.persistentVolumes()].map(labels)).toEqual(['persistentvolumes']);
    expect(labels(objects.storageClass('x'))).toBe('storageclasses');
    expect(labels(objects.csiNode('x'))).toBe('csinodes');
    expect(labels(objects.persistentVolumeClaim('n', 'x'))).toBe('persistentvolumeclaims');
    expect(objects.persistentVolumeClaim('m', 'x')).toBeUndefined();
    expect(labels(objects.csiDriver('x'))).toBe('csidrivers');
    expect([...objects.csiStorageCapacities()].map(labels)).toEqual(['csistoragecapacities']);
    expect([...objects.podDisruptionBudgets()].map(labels)).toEqual(['poddisruptionbudgets']);
    expect(told).toEqual([...resources, 'persistentvolumeclaims', 'poddisruptionbudgets', 'csistoragecapacities']);
    expect(objects.generation).toBe(9);
  });
});
