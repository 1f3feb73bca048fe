import { describe, expect, it } from '@jest/globals';
import type { Node, PodSpec, Taint } from '../kube/index.ts';
import { nodeFit, taintText } from './node-fit.ts';

function node(name: string, labels: Record<string, string> = {}, taints: Taint[] = []): Node {
  return { metadata: { name, labels }, spec: { taints } };
}

const spec = (more: Partial<PodSpec>): PodSpec => ({ containers: [], ...more });

describe('what a pod asks of nodes', () => {
  it('a pod without wishes fits everywhere', () => {
    expect(nodeFit(spec({})).matches(node('a'))).toBe(true);
  });

  it('name, selector and one of the terms of the required affinity', () => {
    const nodeSelectorTerms = [
      { matchExpressions: [{ key: 'disk', operator: 'In', values: ['ssd'] }] },
      { matchFields: [{ key: 'metadata.name', operator: 'In', values: ['b'] }] },
    ];
    const affinity = { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } };
    const fit = nodeFit(spec({ nodeSelector: { tier: 'x' }, affinity }));
    expect(fit.matches(node('a', { tier: 'x', disk: 'ssd' }))).toBe(true);
    expect(fit.matches(node('b', { tier: 'x' }))).toBe(true);
    expect(fit.matches(node('a', { tier: 'x' }))).toBe(false);
    expect(fit.matches(node('b', { disk: 'ssd' }))).toBe(false);
    expect(nodeFit(spec({ nodeName: 'a' })).matches(node('b'))).toBe(false);
  });

  it('taints that it does not tolerate keep it away', () => {
    const taints = [
      { key: 'a', effect: 'NoSchedule' },
      { key: 'b', value: 'x', effect: 'NoExecute' },
      { key: 'c', effect: 'PreferNoSchedule' },
    ];
    const fit = nodeFit(spec({ tolerations: [{ key: 'a', operator: 'Exists' }] }));
    expect(fit.untolerated(node('n', {}, taints)).map(taintText)).toEqual(['b=x:NoExecute']);
  });
});
