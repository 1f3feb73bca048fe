/** Every resource and verb of what `timonel up` serves, asked for by users of each sort: who gets through, and who is refused by 401 or 403. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { routeProvider, type Route } from '@timonel/sdk/contracts/api-server';
import { clusterRoles, namespaces, roleBindings, type PolicyRule } from '@timonel/sdk/kube';
import { until } from '@timonel/testkit';
import { aggregatedGroup, customGroup, startAccessBed, type AccessBed } from '../support/access-bed.ts';
import type { TestApiServer } from '../support/api-server.ts';

const tokens = { nobody: 'token-of-somebody-else', editor: 'token-of-the-editor', node: 'token-of-the-node-n1' };
const own = 'team';
const other = 'elsewhere';

const read = ['get', 'list', 'watch'];
const change = ['create', 'delete', 'deletecollection', 'patch', 'update'];
/** What the role edit grants in a namespace, as Kubernetes documents it. */
const granted = new Map<string, readonly string[]>();
const grant = (verbs: readonly string[], resources: string): void => {
  for (const resource of resources.split(' ')) granted.set(resource, [...(granted.get(resource) ?? []), ...verbs]);
};
const workloads =
  'apps/daemonsets apps/deployments apps/deployments/scale apps/replicasets apps/replicasets/scale apps/statefulsets apps/statefulsets/scale autoscaling/horizontalpodautoscalers batch/cronjobs batch/jobs policy/poddisruptionbudgets networking.k8s.io/ingresses networking.k8s.io/networkpolicies resource.k8s.io/resourceclaims resource.k8s.io/resourceclaimtemplates coordination.k8s.io/leases';
const objects =
  '/configmaps /events /persistentvolumeclaims /pods /replicationcontrollers /replicationcontrollers/scale /secrets /serviceaccounts /services /services/proxy /pods/attach /pods/exec /pods/portforward /pods/proxy';
grant([...read, ...change], `${workloads} ${objects}`);
grant(change, '/pods/resize');
grant(
  read,
  '/endpoints /limitranges /resourcequotas /pods/log /pods/status /replicationcontrollers/status /resourcequotas/status /services/status /persistentvolumeclaims/status discovery.k8s.io/endpointslices apps/controllerrevisions apps/daemonsets/status apps/deployments/status apps/replicasets/status apps/statefulsets/status autoscaling/horizontalpodautoscalers/status batch/cronjobs/status batch/jobs/status policy/poddisruptionbudgets/status networking.k8s.io/ingresses/status resource.k8s.io/resourceclaims/status metrics.k8s.io/pods',
);
grant(['create'], '/pods/eviction /serviceaccounts/token');
// By a role of the test's own that is aggregated to edit.
const widgets = `${customGroup}/widgets`;
const widgetRule = { apiGroups: [customGroup], resources: ['widgets'], verbs: [...read, 'update'] };
grant(widgetRule.verbs, widgets);
/** What a node gets through to whose pods need nothing; which objects it may write then is up to admission. */
const ofNode = new Map<string, readonly string[]>();
for (const [verbs, ids] of [
  [
    read,
    '/services /endpoints /namespaces /nodes /pods /persistentvolumes /persistentvolumeclaims discovery.k8s.io/endpointslices networking.k8s.io/networkpolicies networking.k8s.io/servicecidrs node.k8s.io/runtimeclasses storage.k8s.io/storageclasses storage.k8s.io/csidrivers storage.k8s.io/csistoragecapacities certificates.k8s.io/certificatesigningrequests',
  ],
  [
    ['create'],
    'authentication.k8s.io/tokenreviews authorization.k8s.io/subjectaccessreviews authorization.k8s.io/localsubjectaccessreviews /events events.k8s.io/events certificates.k8s.io/certificatesigningrequests /nodes /namespaces /pods /persistentvolumes storage.k8s.io/csinodes storage.k8s.io/storageclasses storage.k8s.io/csistoragecapacities coordination.k8s.io/leases resource.k8s.io/resourceslices',
  ],
  [['update', 'patch'], '/events events.k8s.io/events /persistentvolumeclaims'],
  [['update', 'patch', 'delete'], '/persistentvolumes storage.k8s.io/csistoragecapacities'],
] as const)
  for (const id of ids.split(' ')) ofNode.set(id, [...(ofNode.get(id) ?? []), ...verbs]);

/** What everybody may ask about himself. */
const ofEverybody = new Set([
  'authorization.k8s.io/selfsubjectaccessreviews create',
  'authorization.k8s.io/selfsubjectrulesreviews create',
  'authentication.k8s.io/selfsubjectreviews create',
]);

interface Resource {
  readonly root: string;
  /** `group/resource/subresource`. */
  readonly id: string;
  readonly name: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
}

let bed: AccessBed;
let server: TestApiServer;
let resources: Resource[];

async function resourcesOf(root: string, group: string): Promise<Resource[]> {
  const { body } = await server.send('GET', root);
  return body.resources.map((found: { name: string; namespaced: boolean; verbs: string[] }) => ({
    root,
    id: `${group}/${found.name}`,
    ...found,
  }));
}

async function discovered(): Promise<Resource[]> {
  const { body } = await server.send('GET', '/apis');
  const versions = body.groups.flatMap(({ name, versions }: { name: string; versions: { groupVersion: string }[] }) =>
    versions.map(({ groupVersion }) => ({ name, groupVersion })),
  );
  const lists = [await resourcesOf('/api/v1', '')];
  for (const { name, groupVersion } of versions) lists.push(await resourcesOf(`/apis/${groupVersion}`, name));
  return lists.flat();
}

const methods: Readonly<Record<string, string>> = {
  create: 'POST',
  update: 'PUT',
  patch: 'PATCH',
  delete: 'DELETE',
  deletecollection: 'DELETE',
};

/** A request that changes nothing: whoever gets through fails for its form. Answers its status. */
async function ask(resource: Resource, verb: string, namespace: string, token: string | null): Promise<number> {
  const [plural = '', subresource] = resource.name.split('/');
  const onCollection = subresource === undefined && ['create', 'list', 'watch', 'deletecollection'].includes(verb);
  const query = verb === 'watch' ? '?watch=1&resourceVersion=x' : '?dryRun=x&limit=x';
  const parts = [
    resource.root,
    ...(resource.namespaced ? ['namespaces', namespace] : []),
    plural,
    ...(onCollection ? [] : ['none']),
    ...(subresource === undefined ? [] : [subresource]),
  ];
  const method = methods[verb] ?? 'GET';
  const options = method === 'GET' ? {} : { body: '{', type: 'application/json' };
  return (await server.send(method, `${parts.join('/')}${query}`, { token, ...options })).status;
}

/** What is not as it should be, over all resources and verbs. */
async function surprises(
  namespace: string,
  token: string | null,
  wanted: (resource: Resource, verb: string) => 'through' | 401 | 403,
): Promise<string[]> {
  const found: string[] = [];
  for (const resource of resources) {
    for (const verb of resource.verbs) {
      const status = await ask(resource, verb, namespace, token);
      const expected = wanted(resource, verb);
      const fits = expected === 'through' ? status !== 401 && status !== 403 : status === expected;
      if (!fits) found.push(`${verb} ${resource.id}: ${status}`);
    }
  }
  return found;
}

beforeAll(async () => {
  bed = await startAccessBed([
    { token: tokens.nobody, username: 'nobody' },
    { token: tokens.editor, username: 'editor' },
    { token: tokens.node, username: 'system:node:n1', groups: ['system:nodes'] },
  ]);
  server = bed.server;
  const { api } = server;
  for (const name of [own, other]) await api.create(namespaces, { metadata: { name } });
  const apiGroup = 'rbac.authorization.k8s.io';
  await api.create(roleBindings, {
    metadata: { name: 'editors', namespace: own },
    roleRef: { apiGroup, kind: 'ClusterRole', name: 'edit' },
    subjects: [{ apiGroup, kind: 'User', name: 'editor' }],
  });
  await api.create(clusterRoles, {
    metadata: { name: 'widgets', labels: { 'rbac.authorization.k8s.io/aggregate-to-edit': 'true' } },
    rules: [widgetRule],
  });
  const isThere = (rules: readonly PolicyRule[]): boolean =>
    rules.length > 20 && rules.some(({ apiGroups }) => apiGroups?.includes(customGroup));
  await until(async () => isThere((await api.get(clusterRoles, { name: 'edit' })).rules ?? []), {
    what: 'the rules of edit',
  });
  resources = await discovered();
});
afterAll(() => bed?.stop());

/** Requests of the matrix that go to the server behind the aggregation layer. */
const verbsBehind = (): number =>
  resources.filter(({ id }) => id.startsWith(`${aggregatedGroup}/`)).flatMap(({ verbs }) => verbs).length;

describe('the matrix of resources, verbs and users', () => {
  it('holds what the API serves', () => {
    expect(resources.length).toBeGreaterThan(100);
    const ids = new Set(resources.map(({ id }) => id));
    const scaled = ['widgets', 'racks'].flatMap((plural) =>
      ['', '/scale', '/status'].map((part) => `${customGroup}/${plural}${part}`),
    );
    const behind = ['things', 'things/status'].map((name) => `${aggregatedGroup}/${name}`);
    expect([...granted.keys(), ...ofNode.keys(), ...scaled, ...behind].filter((id) => !ids.has(id))).toEqual([]);
  });

  it('anonymous: 401 to everything', async () => {
    expect(await surprises(own, null, () => 401)).toEqual([]);
  });

  it('administrator: through to everything', async () => {
    bed.passed.length = 0;
    expect(await surprises(own, server.token, () => 'through')).toEqual([]);
    expect(bed.passed).toHaveLength(verbsBehind());
    bed.passed.length = 0;
  });

  it('authenticated without rights: 403 to all but questions about oneself', async () => {
    const wanted = ({ id }: Resource, verb: string): 'through' | 403 =>
      ofEverybody.has(`${id} ${verb}`) ? 'through' : 403;
    expect(await surprises(own, tokens.nobody, wanted)).toEqual([]);
  });

  it('editor of a namespace: what edit grants, and nothing elsewhere or in the cluster', async () => {
    const wanted =
      (namespace: string) =>
      ({ id, namespaced }: Resource, verb: string): 'through' | 403 => {
        if (ofEverybody.has(`${id} ${verb}`)) return 'through';
        return namespaced && namespace === own && (granted.get(id) ?? []).includes(verb) ? 'through' : 403;
      };
    expect(await surprises(own, tokens.editor, wanted(own))).toEqual([]);
    expect(await surprises(other, tokens.editor, wanted(other))).toEqual([]);
  });

  it('node: what nodes work with', async () => {
    const wanted = ({ id }: Resource, verb: string): 'through' | 403 =>
      ofEverybody.has(`${id} ${verb}`) || (ofNode.get(id) ?? []).includes(verb) ? 'through' : 403;
    expect(await surprises(own, tokens.node, wanted)).toEqual([]);
  });

  it('whoever is refused is refused here, and not by the server behind', () => {
    expect(bed.passed).toEqual([]);
  });
});

describe('the matrix of routes of plugins and users', () => {
  const routes = (): Route[] =>
    server.kernel
      .service(routeProvider)
      .all()
      .flatMap(({ service }) => [...service.routes()]);
  const wholeOf = ({ path }: Route, namespace: string): string =>
    path.replace(':namespace', namespace).replaceAll(/:\w+/g, 'none');

  /** Who gets neither 401 nor 403, as `METHOD path`. */
  async function through(token: string | null, namespace = own): Promise<string[]> {
    const found: string[] = [];
    for (const route of routes()) {
      const options = route.method === 'GET' ? {} : { body: '{', type: 'application/json' };
      const { status } = await server.send(route.method, wholeOf(route, namespace), { token, ...options });
      if (status !== 401 && status !== 403) found.push(`${route.method} ${route.path}`);
    }
    return found;
  }
  const why = '/apis/why.timonel.dev/v1';
  const ofEverybody = [`GET ${why}`];
  const ofViewers = ['', '/traffic'].map((part) => `GET ${why}/namespaces/:namespace/:resource/:name${part}`);

  it('anonymous: to none', async () => {
    expect(routes().length).toBeGreaterThan(40);
    expect(await through(null)).toEqual([]);
  });

  it('administrator: to all', async () => {
    expect(await through(server.token)).toEqual(routes().map(({ method, path }) => `${method} ${path}`));
  });

  it('authenticated without rights, and nodes: to discovery', async () => {
    for (const token of [tokens.nobody, tokens.node]) expect(await through(token)).toEqual(ofEverybody);
  });

  it('editor of a namespace: to reasons of what is in it', async () => {
    expect(await through(tokens.editor)).toEqual([...ofEverybody, ...ofViewers]);
    expect(await through(tokens.editor, other)).toEqual(ofEverybody);
  });
});
