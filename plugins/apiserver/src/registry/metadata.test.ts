import { describe, expect, it } from '@jest/globals';
import type { KubeObject } from '@timonel/sdk/kube';
import { prepareChangedMetadata } from './metadata.ts';

describe('metadata of a changed object', () => {
  it('has no empty lists and maps', () => {
    const old: KubeObject = { metadata: { name: 'a', uid: 'u', finalizers: ['x/y'], labels: { a: 'b' } } };
    const object: KubeObject = {
      metadata: { name: 'a', finalizers: [], ownerReferences: [], labels: {}, annotations: {} },
    };
    prepareChangedMetadata(object, old);
    expect(object.metadata).toEqual({ name: 'a', uid: 'u' });
  });

  it('keeps those with members', () => {
    const metadata = { name: 'a', finalizers: ['x/y'], labels: { a: '' }, annotations: { b: '' } };
    const object: KubeObject = { metadata: structuredClone(metadata) };
    prepareChangedMetadata(object, { metadata: { name: 'a' } });
    expect(object.metadata).toEqual(metadata);
  });
});
