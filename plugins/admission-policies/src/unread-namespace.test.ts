import { describe, expect, it } from '@jest/globals';
import type { AdmissionRequest, AdmissionView } from '@timonel/sdk/contracts/admission';
import type { AdmissionObject } from '@timonel/sdk/contracts/api-server';
import { ApiError, type Status } from '@timonel/sdk/kube';
import { compileMutating } from './mutating-policy.ts';
import { mutateBy } from './mutator.ts';
import { compileValidating } from './validating-policy.ts';
import { validateBy } from './validator.ts';

const name = { group: '', version: 'v1', resource: 'configmaps', kind: 'ConfigMap' };
const rule = { operations: ['*'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] };
const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } } as AdmissionObject;
const user = { username: 'jane', uid: '', groups: [], extra: {} };
const about = { ...name, operation: 'CREATE', subresource: '', name: 'a', namespace: 'team', user, dryRun: false };
const same = (shown: AdmissionObject): Promise<AdmissionObject> => Promise.resolve(shown);
const view: AdmissionView = { request: about as unknown as AdmissionRequest, show: same, restore: same };
const request = { ...about, as: () => Promise.resolve(view), warn: () => undefined, annotate: () => undefined };
const missing = new ApiError('NotFound', 'gone', { name: 'team', kind: 'namespaces' });
const away = new ApiError('ServiceUnavailable', 'the store is away');
const selects = { namespaceSelector: { matchLabels: { team: 'yes' } } };

interface Case {
  readonly failurePolicy?: 'Fail' | 'Ignore';
  /** Of the policy, and of its binding. */
  readonly match?: object;
  readonly matchResources?: object;
}

/** What such policies, which refuse nothing and change nothing themselves, answer when the namespace cannot be read. */
function answersTo(
  reading: unknown,
  { failurePolicy = 'Fail', match, matchResources }: Case,
): Promise<(Status | undefined)[]> {
  const matchConstraints = { resourceRules: [rule], ...match };
  const metadata = { name: 'p' };
  const binding = { metadata: { name: 'b' }, spec: { policyName: 'p', validationActions: ['Audit'], matchResources } };
  const parts = {
    api: { get: () => Promise.reject(reading), list: () => Promise.reject(reading) },
    uid: () => 'u',
    pauses: () => ({ due: () => Promise.resolve() }),
  };
  const compiled = {
    validating: compileValidating({ metadata, spec: { failurePolicy, matchConstraints, validations: [] } }),
    mutating: compileMutating({ metadata, spec: { failurePolicy, matchConstraints, mutations: [] } }),
  };
  const bindings = [binding] as never;
  const asked = request as unknown as AdmissionRequest;
  return Promise.all([
    validateBy([{ compiled: compiled.validating, bindings, name }], object, asked, parts),
    mutateBy([{ compiled: compiled.mutating, bindings, name }], object, asked, parts).then((outcome) =>
      outcome.ok ? undefined : outcome.refusal,
    ),
  ]);
}

const places: [string, Case][] = [
  ['a policy', { match: selects }],
  ['a binding', { matchResources: selects }],
  ['expressions', {}],
];

describe.each(places)('a namespace that %s must know', (_, place) => {
  it.each(['Fail', 'Ignore'] as const)('is said to be missing, with failurePolicy %s', async (failurePolicy) => {
    const notFound = { code: 404, reason: 'NotFound', message: 'namespaces "team" not found' };
    expect(await answersTo(missing, { ...place, failurePolicy })).toMatchObject([notFound, notFound]);
  });

  it('is no matter when it cannot be read and failures are ignored', async () => {
    expect(await answersTo(away, { ...place, failurePolicy: 'Ignore' })).toEqual([undefined, undefined]);
  });
});

it('what cannot be matched is refused by a policy that may not fail, whatever its binding wants', async () => {
  const why = 'Internal error occurred: the store is away';
  const refused = (text: string): object => ({ code: 422, reason: 'Invalid', message: expect.stringContaining(text) });
  expect(await answersTo(away, { match: selects })).toMatchObject([
    refused(`ValidatingAdmissionPolicy 'p' denied request: failed to configure policy: ${why}`),
    refused(`policy 'p' denied request: failed to configure policy: ${why}`),
  ]);
  expect(await answersTo(away, { matchResources: selects })).toMatchObject([
    refused(`ValidatingAdmissionPolicy 'p' with binding 'b' denied request: failed to configure binding: ${why}`),
    refused(`policy 'p' with binding 'b' denied request: failed to configure binding: ${why}`),
  ]);
});
