import { expect, it } from '@jest/globals';
import type { AdmissionRequest } from '@timonel/sdk/contracts/admission';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import type { AdmissionObject } from '@timonel/sdk/contracts/api-server';
import { Surroundings } from './invocations.ts';
import { compileValidating } from './validating-policy.ts';

const compiled = compileValidating({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingAdmissionPolicy',
  metadata: { name: 'limits' },
  spec: { paramKind: { apiVersion: 'v1', kind: 'ConfigMap' }, matchConstraints: {}, validations: [] },
});
const about = { operation: 'CREATE', group: '', version: 'v1', subresource: '', name: 'web' };
const object = { metadata: { name: 'web' } } as AdmissionObject;

it.each([
  ['of the request where none is named', undefined, { ...about, resource: 'pods', namespace: 'team' }, 'team'],
  ['of the request where an empty one is named', '', { ...about, resource: 'pods', namespace: 'team' }, 'team'],
  ['that is named', 'other', { ...about, resource: 'pods', namespace: 'team' }, 'other'],
  ['that the request is about', undefined, { ...about, resource: 'namespaces', namespace: undefined }, 'web'],
  ['of nothing', undefined, { ...about, resource: 'nodes', namespace: undefined }, undefined],
])('parameters are in the namespace %s', async (_, named, request, expected) => {
  const asked: unknown[] = [];
  const get = (_type: unknown, options: object): Promise<object> => {
    // Without one: of the namespace of the request.
    if ('namespace' in options) asked.push(options);
    return Promise.resolve({ metadata: { name: 'limits' } });
  };
  const paramRef = {
    name: 'limits',
    parameterNotFoundAction: 'Deny',
    ...(named === undefined ? {} : { namespace: named }),
  };
  const binding = { metadata: { name: 'limits' }, spec: { policyName: 'limits', paramRef } };
  const name = { group: '', version: 'v1', resource: request.resource, kind: 'Any' };
  const api = { get, list: get } as unknown as ApiClient;
  const parts = { api, uid: () => 'uid', pauses: () => ({ due: async () => undefined }) };
  const surroundings = new Surroundings(parts, request as unknown as AdmissionRequest);
  const problems: boolean[] = [];
  for await (const invocation of surroundings.invocations([{ compiled, bindings: [binding], name }], object))
    problems.push('params' in invocation && 'problem' in invocation.params);
  expect(asked).toEqual(expected === undefined ? [] : [{ namespace: expected, name: 'limits' }]);
  expect(problems).toEqual([expected === undefined]);
});
