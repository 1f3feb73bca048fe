/** Fields that server-side apply sees as one value, and nulls that an applier sends. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApiServer, type Answer, type TestApiServer } from '../support/api-server.ts';

let server: TestApiServer;
const type = 'application/apply-patch+yaml';
const core = '/api/v1/namespaces/default';
const containers = [{ name: 'c', image: 'nginx:1.27' }];
const metadata = (name: string): object => ({ name });

beforeAll(async () => {
  server = await startApiServer();
});
afterAll(async () => {
  await server.stop();
});

const apply = (path: string, manager: string, body: object, query = ''): Promise<Answer> =>
  server.send('PATCH', `${path}?fieldManager=${manager}${query}`, { type, body });

/** What two appliers say of one field, and what of it would be shared if it were no single value. */
interface Case {
  readonly field: string;
  readonly path: string;
  readonly one: object;
  readonly two: object;
  readonly conflict: string;
}

const service = (selector: object): object => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: metadata('atomic'),
  spec: { ports: [{ port: 80 }], selector },
});
const deployment = (spec: object): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: metadata('atomic'),
  spec: {
    selector: { matchLabels: { app: 'x' } },
    template: { metadata: { labels: { app: 'x' } }, spec: { containers, ...spec } },
  },
});
const controller = (selector: object): object => ({
  apiVersion: 'v1',
  kind: 'ReplicationController',
  metadata: metadata('atomic'),
  spec: { selector, template: { metadata: { labels: { a: '1', b: '1' } }, spec: { containers } } },
});
const binding = (subjects: object[]): object => ({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'RoleBinding',
  metadata: metadata('atomic'),
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'view' },
  subjects,
});
const event = (involvedObject: object): object => ({
  apiVersion: 'v1',
  kind: 'Event',
  metadata: metadata('atomic'),
  involvedObject: { kind: 'Pod', namespace: 'default', ...involvedObject },
});
const policy = (podSelector: object): object => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: metadata('atomic'),
  spec: { podSelector },
});
const affinity = (key: string): object => {
  const nodeSelectorTerms = [{ matchExpressions: [{ key, operator: 'Exists' }] }];
  return { affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } } };
};

const cases: readonly Case[] = [
  {
    field: 'Service: selector',
    path: `${core}/services/atomic`,
    one: service({ a: '1' }),
    two: service({ a: '1', b: '1' }),
    conflict: '.spec.selector',
  },
  {
    field: 'Pod: nodeSelector',
    path: '/apis/apps/v1/namespaces/default/deployments/atomic',
    one: deployment({ nodeSelector: { a: '1' } }),
    two: deployment({ nodeSelector: { a: '1', b: '1' } }),
    conflict: '.spec.template.spec.nodeSelector',
  },
  {
    field: 'Pod: node affinity',
    path: '/apis/apps/v1/namespaces/default/deployments/atomic2',
    one: { ...deployment(affinity('a')), metadata: metadata('atomic2') },
    two: { ...deployment(affinity('b')), metadata: metadata('atomic2') },
    conflict: '.spec.template.spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution',
  },
  {
    field: 'ReplicationController: selector',
    path: `${core}/replicationcontrollers/atomic`,
    one: controller({ a: '1' }),
    two: controller({ a: '1', b: '1' }),
    conflict: '.spec.selector',
  },
  {
    field: 'RoleBinding: subjects',
    path: '/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings/atomic',
    one: binding([{ kind: 'User', name: 'ada' }]),
    two: binding([{ kind: 'User', name: 'bob' }]),
    conflict: '.subjects',
  },
  {
    field: 'Event: involvedObject',
    path: `${core}/events/atomic`,
    one: event({ name: 'p' }),
    two: event({ name: 'p', uid: 'u' }),
    conflict: '.involvedObject',
  },
  {
    field: 'NetworkPolicy: podSelector',
    path: '/apis/networking.k8s.io/v1/namespaces/default/networkpolicies/atomic',
    one: policy({ matchLabels: { a: '1' } }),
    two: policy({ matchLabels: { a: '1', b: '1' } }),
    conflict: '.spec.podSelector',
  },
];

it.each(cases)('$field is one value', async ({ path, one, two, conflict }) => {
  expect((await apply(path, 'one', one)).body.message).toBeUndefined();
  const { body } = await apply(path, 'two', two);
  expect(body).toMatchObject({ code: 409, reason: 'Conflict' });
  expect((body.details.causes as { field: string }[]).map(({ field }) => field)).toEqual([conflict]);
  const forced = await apply(path, 'two', two, '&force=true');
  expect(forced.body).toMatchObject(two);
});

describe('a null that an applier sends', () => {
  const path = '/apis/apps/v1/namespaces/default/deployments/null';
  const scaled = (replicas: unknown, more: object = {}): object => {
    const body = deployment({}) as { spec: object };
    return {
      ...body,
      metadata: metadata('null'),
      spec: { ...body.spec, ...more, ...(replicas !== undefined && { replicas }) },
    };
  };
  const fieldsOf = ({ body }: Answer, manager: string): unknown =>
    (body.metadata.managedFields as { manager: string; fieldsV1: unknown }[]).find((entry) => entry.manager === manager)
      ?.fieldsV1;

  it('owns the field, which gets its default', async () => {
    const made = await apply(path, 'one', scaled(null));
    expect(made.body.spec.replicas).toBe(1);
    expect(fieldsOf(made, 'one')).toMatchObject({ 'f:spec': { 'f:replicas': {} } });
    const again = await apply(path, 'one', scaled(null));
    expect(again.body.metadata.resourceVersion).toBe(made.body.metadata.resourceVersion);
    expect((await apply(path, 'two', scaled(5))).status).toBe(409);
  });

  it('takes a value away from others only by force', async () => {
    const taken = await apply(path, 'two', scaled(5), '&force=true');
    expect(taken.body.spec.replicas).toBe(5);
    expect((await apply(path, 'one', scaled(null))).body).toMatchObject({
      code: 409,
      details: { causes: [{ field: '.spec.replicas' }] },
    });
    expect((await apply(path, 'one', scaled(null), '&force=true')).body.spec.replicas).toBe(1);
  });

  it('leaves alone what others have in a map', async () => {
    await apply(path, 'three', { ...deployment({}), metadata: { name: 'null', labels: { a: '1' } } }, '&force=true');
    const body = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'null', labels: null } };
    const { status, body: after } = await apply(path, 'four', body);
    expect({ status, labels: after.metadata.labels as unknown }).toEqual({ status: 200, labels: { a: '1' } });
    expect(JSON.stringify(after)).not.toContain('null,');
  });
});
