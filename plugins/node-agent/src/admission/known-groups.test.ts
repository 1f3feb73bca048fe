import { describe, expect, it } from '@jest/globals';
import { parseIdMap } from '@timonel/sdk/linux';
import { unknownGroupFault } from './known-groups.ts';

const one = parseIdMap('0 1000 1');
const many = parseIdMap('0 1000 1\n1 100000 65536');

describe('groups of pods on a rootless node', () => {
  it('must be among those that its user was given', () => {
    expect(unknownGroupFault({ securityContext: { fsGroup: 2000 } }, many)).toBeUndefined();
    expect(unknownGroupFault({ securityContext: { fsGroup: 2000 } }, one)).toMatch(/^group 2000 .* \/etc\/subgid$/);
    expect(unknownGroupFault({ securityContext: { supplementalGroups: [0, 70_000] } }, many)).toMatch(/^group 70000 /);
  });

  it('may be asked for by nobody', () => {
    expect(unknownGroupFault({}, one)).toBeUndefined();
    expect(unknownGroupFault({ securityContext: { fsGroup: 0 } }, one)).toBeUndefined();
  });
});
