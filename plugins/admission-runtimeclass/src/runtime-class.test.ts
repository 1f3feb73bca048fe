import { expect, it } from '@jest/globals';
import type { PodSpec, RuntimeClass } from '@timonel/sdk/kube';
import { applyClass, podProblem } from './runtime-class.ts';

const classOf = (more: Partial<RuntimeClass> = {}): RuntimeClass => ({
  metadata: { name: 'sandbox' },
  handler: 'h',
  ...more,
});
const specOf = (more: Partial<PodSpec> = {}): PodSpec => ({ containers: [], runtimeClassName: 'sandbox', ...more });
const overhead = { podFixed: { cpu: '10m' } };
const toleration = { key: 'a', operator: 'Exists' };

it.each<[string, PodSpec, RuntimeClass, Partial<PodSpec>]>([
  ['the overhead', specOf(), classOf({ overhead }), { overhead: { cpu: '10m' } }],
  ['no overhead over another', specOf({ overhead: { cpu: '1' } }), classOf({ overhead }), { overhead: { cpu: '1' } }],
  [
    'the node selector',
    specOf({ nodeSelector: { a: 'b' } }),
    classOf({ scheduling: { nodeSelector: { c: 'd' } } }),
    { nodeSelector: { a: 'b', c: 'd' } },
  ],
  [
    'no selector over another',
    specOf({ nodeSelector: { a: 'b' } }),
    classOf({ scheduling: { nodeSelector: { a: 'd' } } }),
    { nodeSelector: { a: 'b' } },
  ],
  [
    'tolerations once',
    specOf({ tolerations: [toleration] }),
    classOf({ scheduling: { tolerations: [toleration, { key: 'b' }] } }),
    { tolerations: [toleration, { key: 'b' }] },
  ],
  ['nothing else', specOf(), classOf(), {}],
])('sets %s', (_title, spec, runtimeClass, wanted) => {
  const changed = structuredClone(spec);
  applyClass(changed, runtimeClass);
  expect(changed).toEqual({ ...spec, ...wanted });
  const again = structuredClone(changed);
  applyClass(again, runtimeClass);
  expect(again).toEqual(changed);
});

it.each<[PodSpec, RuntimeClass | undefined, string | undefined]>([
  [specOf({ overhead: { cpu: '0.010' } }), classOf({ overhead }), undefined],
  [specOf(), undefined, 'pod rejected: RuntimeClass "sandbox" not found'],
  [{ containers: [] }, undefined, undefined],
  [
    { containers: [], overhead: { cpu: '1' } },
    undefined,
    'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead',
  ],
  [specOf(), classOf({ overhead }), "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"],
])('%j', (spec, runtimeClass, wanted) => {
  expect(podProblem({ spec }, runtimeClass)).toBe(wanted);
});
