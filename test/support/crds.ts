/** CustomResourceDefinitions for tests. */
import { expect } from '@jest/globals';
import { until } from '@timonel/testkit';
import type { Answer, TestApiServer } from './api-server.ts';

export type Json = Record<string, unknown>;

/** Waits until a check no longer throws. */
export async function eventually<T>(what: string, check: () => T | Promise<T>): Promise<T> {
  const { value } = await until(async () => ({ value: await check() }), { what });
  return value;
}

export const crdPath = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

export interface CrdInput {
  readonly group?: string;
  readonly plural?: string;
  readonly kind?: string;
  readonly scope?: 'Namespaced' | 'Cluster';
  readonly names?: Json;
  readonly spec?: Json;
  readonly versions?: readonly Json[];
  /** Schema of `spec` of the only version, unless `versions` is given. */
  readonly properties?: Json;
  readonly version?: Json;
  readonly annotations?: Record<string, string>;
}

/** A version with a schema of the whole object. */
export function versionOf(name: string, properties: Json, more: Json = {}): Json {
  return {
    name,
    served: true,
    storage: true,
    schema: { openAPIV3Schema: { type: 'object', properties } },
    ...more,
  };
}

export function crdOf(input: CrdInput = {}): Json & { metadata: { name: string } } {
  const { group = 'stable.example.com', plural = 'crontabs', kind = 'CronTab', scope = 'Namespaced' } = input;
  const properties = input.properties ?? { spec: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}`, ...(input.annotations && { annotations: input.annotations }) },
    spec: {
      group,
      scope,
      names: { plural, kind, ...input.names },
      versions: input.versions ?? [versionOf('v1', properties, input.version)],
      ...input.spec,
    },
  };
}

/** Waits until the kinds of a definition are served as it says. */
export async function established(server: TestApiServer, name: string): Promise<Json> {
  return eventually(`${name} is established`, async () => {
    const { body } = await server.send('GET', `${crdPath}/${name}`);
    const conditions = (body.status?.conditions ?? []) as Json[];
    expect(conditions).toContainEqual(expect.objectContaining({ type: 'Established', status: 'True' }));
    return body as Json;
  });
}

/** Makes a definition whose kinds are served when it returns. */
export async function serveCrd(server: TestApiServer, input: CrdInput = {}): Promise<Answer> {
  const crd = crdOf(input);
  const created = await server.send('POST', crdPath, { body: crd });
  expect(created).toMatchObject({ status: 201 });
  await established(server, crd.metadata.name);
  return created;
}
