import { afterEach, describe, expect, it } from '@jest/globals';
import { anyone, Bed, digestOf, failureOf } from './testing/fake-registry.ts';

const bed = new Bed();
afterEach(() => bed.close());

describe('names', () => {
  it.each(['../x', 'a//b', 'a/../b', 'A', 'a?b', 'a#b', 'a b', 'a'.repeat(256), ''])(
    'of repositories such as %j are refused',
    async (repository) => {
      const reference = { registry: '127.0.0.1:1', repository, tag: 'latest', digest: '' };
      expect((await failureOf(bed.client().resolve(reference, anyone))).reason).toBe('InvalidImageName');
      expect((await failureOf(bed.client().hasBlob(reference, digestOf('x'), anyone))).reason).toBe('InvalidImageName');
    },
  );

  it.each(['', 'a/b', 'user@host', '[::1', 'x:99999', 'ho st'])(
    'of registries such as %j are refused',
    async (registry) => {
      const reference = { registry, repository: 'a', tag: 'latest', digest: '' };
      expect((await failureOf(bed.client().resolve(reference, anyone))).reason).toBe('InvalidImageName');
    },
  );

  it.each(['', '../x', 'a?b', '-a', 'a'.repeat(129)])('of tags such as %j are refused', async (tag) => {
    const reference = { registry: '127.0.0.1:1', repository: 'a', tag, digest: '' };
    expect((await failureOf(bed.client().resolve(reference, anyone))).reason).toBe('InvalidImageName');
  });
});
