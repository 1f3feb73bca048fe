import { expect, it } from '@jest/globals';
import type { ResourceDefinition, ResourceProvider } from '@timonel/sdk/contracts/api-server';
import { describedType, scalableType } from './target-kinds.ts';

const scale = { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas', selectorPath: '.spec.sel' };
const definition = (group: string, version: string, kind: string, more: Partial<ResourceDefinition> = {}) =>
  ({
    group,
    version,
    kind,
    resource: `${kind.toLowerCase()}s`,
    namespaced: true,
    scale: undefined,
    subresources: {},
    ...more,
  }) as unknown as ResourceDefinition;
const providerOf = (...definitions: ResourceDefinition[]): ResourceProvider => ({
  definitions: () => definitions,
  schemas: () => ({}),
});
const providers = [
  providerOf(definition('example.com', 'v1', 'Farm', { scale }), definition('', 'v1', 'Service')),
  providerOf(definition('example.com', 'v2', 'Farm', { scale })),
];
const farm = (apiVersion: string) => scalableType({ apiVersion, kind: 'Farm', name: 'x' }, providers);

it('finds any kind that scales, in the version that is named if it is served', () => {
  expect(farm('example.com/v2')).toMatchObject({ version: 'v2', resource: 'farms' });
  expect(farm('example.com/v1')).toMatchObject({ version: 'v1' });
  expect(farm('example.com/v9')).toMatchObject({ version: 'v1' });
});

it('says why a kind cannot be scaled', () => {
  expect(farm('example.org/v1')).toEqual({ refusal: 'no matches for kind "Farm" in group "example.org"' });
  expect(farm('a/b/c')).toEqual({ refusal: 'unexpected GroupVersion string: a/b/c' });
  const service = { apiVersion: 'v1', kind: 'Service', name: 'x' };
  expect(scalableType(service, providers)).toEqual({ refusal: 'the kind "Service" has no subresource scale' });
  expect(describedType(service, providers)).toMatchObject({ resource: 'services' });
});

it('knows the workloads when the API is served by another process', () => {
  expect(scalableType({ apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'x' }, [])).toMatchObject({
    resource: 'statefulsets',
  });
  expect(scalableType({ apiVersion: 'v1', kind: 'ReplicationController', name: 'x' }, [])).toMatchObject({
    resource: 'replicationcontrollers',
  });
});
