import { describe, expect, it } from '@jest/globals';
import { builtInKinds } from './registry.ts';
import { builtInSchemas } from './schemas.ts';

const schemas = builtInSchemas();

type Schema = Record<string, unknown> & { properties: Record<string, Record<string, unknown>> };

function schema(key: string): Schema {
  return schemas[key] as unknown as Schema;
}

function references(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) =>
    key === '$ref' && typeof item === 'string' ? [item] : references(item),
  );
}

describe('schemas', () => {
  it.each(
    builtInKinds({ nodes: () => [], resolvers: () => [], tokens: () => undefined, env: { clock: {} } as never }).map(
      (kind) => [kind.schema, kind] as const,
    ),
  )('%s belongs to its kind', (key, kind) => {
    expect(schema(key)['x-kubernetes-group-version-kind']).toEqual([
      { group: kind.group, version: kind.version, kind: kind.kind },
    ]);
    expect(schema(key).properties['metadata']).toMatchObject({
      $ref: '#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta',
    });
  });

  it('refer to nothing that is not there', () => {
    const missing = references(schemas).filter((ref) => !(ref.replace('#/components/schemas/', '') in schemas));
    expect(missing).toEqual([]);
  });

  it('describe fields that hold an object', () => {
    expect(schema('io.k8s.api.apps.v1.DeploymentStrategy').properties['rollingUpdate']).toEqual({
      description: 'Spec to control the desired behavior of rolling update.',
      $ref: '#/components/schemas/io.k8s.api.apps.v1.RollingUpdateDeployment',
    });
  });

  it('say what strategic merge needs to know', () => {
    expect(schema('io.k8s.api.core.v1.PodSpec').properties['containers']).toEqual({
      description: 'List of containers belonging to the pod.',
      type: 'array',
      items: { $ref: '#/components/schemas/io.k8s.api.core.v1.Container' },
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
      'x-kubernetes-patch-strategy': 'merge',
      'x-kubernetes-patch-merge-key': 'name',
    });
    expect(schema('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta').properties['finalizers']).toMatchObject({
      'x-kubernetes-patch-strategy': 'merge',
      type: 'array',
      items: { type: 'string' },
    });
  });

  it('know required fields, formats, quantities, times and ports by name', () => {
    expect(schema('io.k8s.api.core.v1.PodSpec')['required']).toEqual(['containers']);
    expect(schema('io.k8s.api.core.v1.ContainerPort').properties['containerPort']).toMatchObject({
      type: 'integer',
      format: 'int32',
    });
    expect(schema('io.k8s.api.core.v1.ResourceRequirements').properties['limits']).toMatchObject({
      additionalProperties: { $ref: '#/components/schemas/io.k8s.apimachinery.pkg.api.resource.Quantity' },
    });
    expect(schema('io.k8s.api.core.v1.ServicePort').properties['targetPort']).toMatchObject({
      $ref: '#/components/schemas/io.k8s.apimachinery.pkg.util.intstr.IntOrString',
    });
    expect(schema('io.k8s.api.coordination.v1.LeaseSpec').properties['renewTime']).toMatchObject({
      $ref: '#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime',
    });
    expect(schema('io.k8s.api.core.v1.Secret').properties['data']).toMatchObject({
      additionalProperties: { type: 'string', format: 'byte' },
    });
  });
});
