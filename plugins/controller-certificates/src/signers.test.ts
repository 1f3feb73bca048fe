import { describe, expect, it } from '@jest/globals';
import type { SigningRequest } from '@timonel/sdk/pki';
import { subjectFor, userSigner } from './signers.ts';

describe('the signer of users', () => {
  const spec = { request: '', signerName: userSigner, usages: ['client auth'] };
  const askedFor = (...organizations: string[]): SigningRequest =>
    ({ commonName: 'eve', organizations, names: [], otherNameTypes: [] }) as unknown as SigningRequest;

  it('makes nobody an administrator, whoever approved it', () => {
    expect(subjectFor(spec, askedFor('developers'))).toMatchObject({ subject: { organizations: ['developers'] } });
    expect(subjectFor(spec, askedFor('developers', 'system:masters'))).toEqual({
      problem: 'nobody is put into the group system:masters',
    });
  });

  it.each(['timonel:store-members', 'timonel:masters', 'timonel:whatever'])(
    'makes nobody a part of the cluster itself: %s',
    (group) => {
      expect(subjectFor(spec, askedFor('developers', group))).toEqual({
        problem: `nobody is put into the group ${group}`,
      });
    },
  );

  it('gives nobody the name of such a part', () => {
    expect(subjectFor(spec, { ...askedFor('developers'), commonName: 'timonel:master:a' })).toEqual({
      problem: 'names that begin with timonel: belong to the cluster itself',
    });
  });
});
