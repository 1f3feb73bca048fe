import { describe, expect, it } from '@jest/globals';
import type { Pod } from '@timonel/sdk/kube';
import { admitPod } from './pod-admission.ts';

describe('the priority of a new pod', () => {
  it.each([
    ['system-node-critical', 2_000_001_000],
    ['', 0],
    ['mine', undefined],
    ['constructor', undefined],
    ['__proto__', undefined],
  ])('of class %j', (priorityClassName, priority) => {
    const pod = { metadata: {}, spec: { containers: [], priorityClassName } } as unknown as Pod;
    admitPod(pod);
    expect(pod.spec.priority).toEqual(priority);
  });
});
