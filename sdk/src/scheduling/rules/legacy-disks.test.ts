import { describe, expect, it } from '@jest/globals';
import { disksOf, sharesDisk } from './legacy-disks.ts';
import { podOf } from './testing/refusals.ts';

const gce = (pdName: string, readOnly = false) => ({ gcePersistentDisk: { pdName, readOnly } });
const iscsi = (iqn: string, readOnly = false) => ({ iscsi: { iqn, readOnly } });
const rbd = (monitors: string[], rest: object = {}) => ({ rbd: { monitors, image: 'i', ...rest } });

describe('disks that cannot be attached twice', () => {
  it.each([
    [gce('a'), gce('a'), true],
    [gce('a'), gce('b'), false],
    [gce('a', true), gce('a', false), true],
    [gce('a', false), gce('a', true), true],
    [gce('a', true), gce('a', true), false],
    [gce('a'), { awsElasticBlockStore: { volumeID: 'a' } }, false],
    [{ awsElasticBlockStore: { volumeID: 'a' } }, { awsElasticBlockStore: { volumeID: 'a' } }, true],
    [iscsi('a', true), iscsi('a'), true],
    [iscsi('a', true), iscsi('a', true), false],
    [rbd(['m', 'n']), rbd(['n', 'o']), true],
    [rbd(['m']), rbd(['n']), false],
    [rbd(['m']), rbd(['m'], { pool: 'other' }), false],
    [rbd(['m'], { readOnly: true }), rbd(['m'], { pool: 'rbd', readOnly: true }), false],
    [{ emptyDir: {} }, { emptyDir: {} }, false],
  ])('%j and %j: %j', (mine, theirs, clash) => {
    const pods = [mine, theirs].map((source) => podOf({ volumes: [{ name: 'v', ...source }] }));
    const [a = [], b = []] = pods.map(disksOf);
    expect(sharesDisk(a, b)).toBe(clash);
  });
});
