import { describe, expect, it } from '@jest/globals';
import { findings, updateFindings } from '../testing/kinds-under-test.ts';

const pod = (mirror?: string, nodeName = 'node-1'): object => ({
  metadata: {
    name: 'web',
    namespace: 'default',
    annotations: { other: 'x', ...(mirror === undefined ? {} : { 'kubernetes.io/config.mirror': mirror }) },
  },
  spec: { nodeName, containers: [{ name: 'web', image: 'nginx:1' }] },
});
const path = 'metadata.annotations[kubernetes.io/config.mirror]';

describe('the annotation of mirror pods', () => {
  it('names a pod of a node', () => {
    expect(findings('pods', pod('hash'))).toEqual([]);
    expect(findings('pods', pod('hash', ''))).toEqual([
      `${path}: Invalid value: "hash": must set spec.nodeName if mirror pod annotation is set`,
    ]);
  });

  it('never comes, changes or goes later', () => {
    const update = (before?: string, after?: string) => updateFindings('pods', pod(after), pod(before));
    expect([update('a', 'a'), update()]).toEqual([[], []]);
    expect(update('a', 'b')).toEqual([`${path}: Forbidden: may not remove or update mirror pod annotation`]);
    expect(update('a')).toEqual([`${path}: Forbidden: may not remove or update mirror pod annotation`]);
    expect(update(undefined, 'a')).toEqual([`${path}: Forbidden: may not add mirror pod annotation`]);
  });
});
