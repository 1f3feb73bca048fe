/** What a node may reach and write, and what one that was taken over tries. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  configMaps,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  secrets,
  serviceAccounts,
  type Pod,
} from '@timonel/sdk/kube';
import authzNode from '@timonel/plugin-authz-node';
import authzRbac from '@timonel/plugin-authz-rbac';
import { until } from '@timonel/testkit';
import { startApiServer, type Answer, type RequestOptions, type TestApiServer } from '../support/api-server.ts';

const tokens = {
  n1: 'token-of-the-node-n1',
  n2: 'token-of-the-node-n2',
  n3: 'token-of-the-node-n3',
  stray: 'token-without-a-node',
};
const group = 'system:nodes';
const core = '/api/v1';
const inDefault = `${core}/namespaces/default`;

let server: TestApiServer;
let podUid: string;

const as = (user: keyof typeof tokens, method: string, path: string, options: RequestOptions = {}): Promise<Answer> =>
  server.send(method, path, { token: tokens[user], ...options });
const status = async (...args: Parameters<typeof as>): Promise<number> => (await as(...args)).status;
const merge = (body: unknown): RequestOptions => ({ type: 'application/merge-patch+json', body });

const podOf = (name: string, nodeName: string, more: Partial<Pod['spec']> = {}): Pod => ({
  metadata: { name, namespace: 'default' },
  spec: { nodeName, containers: [{ name: 'c', image: 'i' }], ...more },
});

beforeAll(async () => {
  server = await startApiServer({
    plugins: [authzNode, authzRbac],
    apiserver: { access: 'decided' },
    config: {
      'auth-token': {
        tokens: [
          { token: tokens.n1, username: 'system:node:n1', groups: [group] },
          { token: tokens.n2, username: 'system:node:n2', groups: [group] },
          { token: tokens.n3, username: 'system:node:n3', groups: [group] },
          { token: tokens.stray, username: 'somebody', groups: [group] },
        ],
      },
    },
  });
  const { api } = server;
  const namespace = 'default';
  for (const name of ['n1', 'n2']) await api.create(nodes, { metadata: { name }, spec: {} });
  for (const name of ['in-volume', 'in-env', 'to-pull', 'of-account', 'of-driver', 'foreign'])
    await api.create(secrets, { metadata: { name, namespace } });
  for (const name of ['config', 'foreign']) await api.create(configMaps, { metadata: { name, namespace } });
  await api.create(serviceAccounts, {
    metadata: { name: 'runner', namespace },
    imagePullSecrets: [{ name: 'of-account' }],
  });
  await api.create(serviceAccounts, { metadata: { name: 'foreign', namespace } });
  await api.create(persistentVolumes, {
    metadata: { name: 'volume' },
    spec: {
      capacity: { storage: '1' },
      accessModes: ['ReadWriteOnce'],
      claimRef: { namespace, name: 'claim' },
      csi: { driver: 'd', volumeHandle: 'h', nodePublishSecretRef: { name: 'of-driver', namespace } },
    },
  });
  const spec = {
    serviceAccountName: 'runner',
    imagePullSecrets: [{ name: 'to-pull' }],
    volumes: [
      { name: 'a', secret: { secretName: 'in-volume' } },
      { name: 'b', projected: { sources: [{ configMap: { name: 'config' } }] } },
      { name: 'c', persistentVolumeClaim: { claimName: 'claim' } },
    ],
    containers: [{ name: 'c', image: 'i', envFrom: [{ secretRef: { name: 'in-env' } }] }],
  } as unknown as Partial<Pod['spec']>;
  podUid = (await api.create(pods, podOf('mine', 'n1', spec))).metadata.uid ?? '';
  await api.create(pods, podOf('other', 'n2', { serviceAccountName: 'foreign' }));
  await until(async () => (await status('n1', 'GET', `${inDefault}/secrets/in-volume`)) === 200, {
    what: 'the node to be known',
  });
});
afterAll(() => server.stop());

describe('a node reads', () => {
  it.each([
    'secrets/in-volume',
    'secrets/in-env',
    'secrets/to-pull',
    'secrets/of-account',
    'secrets/of-driver',
    'configmaps/config',
    'serviceaccounts/runner',
  ])('what its pods need, and no other node: %s', async (path) => {
    const [resource = '', name = ''] = path.split('/');
    expect(await status('n1', 'GET', `${inDefault}/${path}`)).toBe(200);
    expect(await status('n1', 'GET', `${inDefault}/${resource}?fieldSelector=metadata.name%3D${name}`)).toBe(200);
    expect(await status('n2', 'GET', `${inDefault}/${path}`)).toBe(403);
    expect(await status('n2', 'GET', `${inDefault}/${resource}?fieldSelector=metadata.name%3D${name}`)).toBe(403);
    expect(await status('n1', 'GET', `${inDefault}/${resource}`)).toBe(403);
  });

  it.each(['secrets/foreign', 'configmaps/foreign', 'serviceaccounts/foreign'])(
    'not what none of its pods needs: %s',
    async (path) => expect(await status('n1', 'GET', `${inDefault}/${path}`)).toBe(403),
  );

  it.each(['services', 'nodes', 'namespaces', 'pods', 'persistentvolumes'])(
    'what all nodes work with: %s',
    async (resource) => expect(await status('n1', 'GET', `${core}/${resource}`)).toBe(200),
  );

  it('no more by a name that is none', async () => {
    expect((await as('stray', 'GET', `${core}/nodes`)).body).toMatchObject({
      code: 403,
      message: expect.stringContaining('the group system:nodes is for nodes only'),
    });
  });
});

/** Of a Node that has it, the collector makes an end. */
const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: 'gone', uid: 'gone' };

describe('a node writes', () => {
  it('its own Node, not that of another', async () => {
    expect(await status('n1', 'PATCH', `${core}/nodes/n1/status`, merge({ status: { volumesInUse: [] } }))).toBe(200);
    expect(await status('n1', 'PATCH', `${core}/nodes/n1`, merge({ metadata: { labels: { mine: 'x' } } }))).toBe(200);
    for (const path of ['nodes/n2', 'nodes/n2/status'])
      expect(await status('n1', 'PATCH', `${core}/${path}`, merge({ metadata: { labels: { mine: 'x' } } }))).toBe(403);
    expect(await status('n1', 'DELETE', `${core}/nodes/n1`)).toBe(403);
    const made = { metadata: { name: 'n3' }, spec: {} };
    expect((await as('n1', 'POST', `${core}/nodes`, { body: made })).body.message).toBe(
      'nodes "n3" is forbidden: node "n1" is not allowed to modify node "n3"',
    );
  });

  it.each([
    ['labels of isolation', { metadata: { labels: { 'node-restriction.kubernetes.io/trusted': 'true' } } }, 'labels'],
    ['a role', { metadata: { labels: { 'node-role.kubernetes.io/control-plane': '' } } }, 'labels'],
    ['taints', { spec: { taints: [{ key: 'a', effect: 'NoSchedule' }] } }, 'taints'],
    ['owners', { metadata: { ownerReferences: [owner] } }, 'owner references'],
  ])('of its own Node no %s', async (_, body, what) => {
    expect((await as('n1', 'PATCH', `${core}/nodes/n1`, merge(body))).body).toMatchObject({
      code: 403,
      message: expect.stringContaining(`is not allowed to modify ${what}`),
    });
  });

  it('its own Node anew, but without owners', async () => {
    const create = (ownerReferences: readonly unknown[]): Promise<Answer> =>
      as('n3', 'POST', `${core}/nodes?dryRun=All`, { body: { metadata: { name: 'n3', ownerReferences }, spec: {} } });
    expect((await create([])).status).toBe(201);
    expect((await create([owner])).body.message).toContain('is not allowed to modify owner references');
  });

  it('the status of its own pods, and their end', async () => {
    const body = merge({ status: { phase: 'Running' } });
    expect(await status('n1', 'PATCH', `${inDefault}/pods/mine/status`, body)).toBe(200);
    expect(await status('n1', 'PATCH', `${inDefault}/pods/other/status`, body)).toBe(403);
    expect(await status('n1', 'DELETE', `${inDefault}/pods/other`)).toBe(403);
    const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'other' } };
    expect(await status('n1', 'POST', `${inDefault}/pods/other/eviction`, { body: eviction })).toBe(403);
    expect(await status('n1', 'PATCH', `${inDefault}/pods/mine`, merge({ metadata: { labels: { a: 'b' } } }))).toBe(
      403,
    );
  });

  it('pods only as images of its static pods', async () => {
    const create = async (pod: Pod): Promise<number> =>
      status('n1', 'POST', `${inDefault}/pods?dryRun=All`, { body: pod });
    const mirror = (pod: Pod): Pod => ({
      ...pod,
      metadata: {
        ...pod.metadata,
        annotations: { 'kubernetes.io/config.mirror': 'x' },
        ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: 'n1', uid: 'x', controller: true }],
      },
    });
    expect(await create(mirror(podOf('s', 'n1')))).toBe(201);
    expect(await create(podOf('s', 'n1'))).toBe(403);
    expect(await create(mirror(podOf('s', 'n2')))).toBe(403);
    expect(await create(mirror(podOf('s', 'n1', { serviceAccountName: 'foreign' })))).toBe(403);
    const volumes = [{ name: 'a', secret: { secretName: 'foreign' } }] as unknown as NonNullable<
      Pod['spec']['volumes']
    >;
    expect(await create(mirror(podOf('s', 'n1', { volumes })))).toBe(403);
  });

  it('the namespace of leases, and no other', async () => {
    const create = (name: string): Promise<number> =>
      status('n1', 'POST', `${core}/namespaces`, { body: { metadata: { name } } });
    expect(await create('kube-node-lease')).toBe(409);
    expect(await create('mine')).toBe(403);
  });

  it('what keeps it in the cluster: it asks for servers and for its next certificate', async () => {
    expect(await status('n1', 'GET', '/join/v1/servers')).toBe(404);
    expect(await status('n1', 'POST', '/join/v1/renew', { body: {} })).toBe(404);
    expect(await status('n1', 'GET', '/metrics')).toBe(403);
  });

  it('its own lease and CSINode only', async () => {
    const lease = (name: string): RequestOptions => ({ body: { metadata: { name }, spec: {} } });
    const leases = (namespace: string): string => `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
    expect(await status('n1', 'POST', leases('kube-node-lease'), lease('n1'))).toBe(201);
    expect(await status('n1', 'POST', leases('kube-node-lease'), lease('n2'))).toBe(403);
    expect(await status('n1', 'POST', leases('kube-system'), lease('n1'))).toBe(403);
    expect(await status('n2', 'PATCH', `${leases('kube-node-lease')}/n1`, merge({ spec: {} }))).toBe(403);
    const csiNode = { body: { metadata: { name: 'n2' }, spec: { drivers: [] } } };
    expect(await status('n1', 'POST', '/apis/storage.k8s.io/v1/csinodes', csiNode)).toBe(403);
  });
});

describe('tokens of service accounts', () => {
  const ask = (account: string, ref: unknown): Promise<Answer> =>
    as('n1', 'POST', `${inDefault}/serviceaccounts/${account}/token`, {
      body: { spec: { audiences: [], boundObjectRef: ref } },
    });

  it('for its own pods', async () => {
    expect((await ask('runner', { apiVersion: 'v1', kind: 'Pod', name: 'mine', uid: podUid })).status).toBe(201);
  });

  it('not free ones, nor for pods of others, nor for accounts of others', async () => {
    expect((await ask('runner', undefined)).body.message).toContain('requested token not bound to a pod');
    const path = `${inDefault}/serviceaccounts/runner/token`;
    expect((await as('n1', 'POST', path)).body).toMatchObject({
      code: 403,
      message: expect.stringContaining('requested token not bound to a pod'),
    });
    for (const body of [null, [], 'text']) expect(await status('n1', 'POST', path, { body })).toBe(400);
    expect((await ask('runner', { kind: 'Pod', name: 'mine', uid: 'wrong' })).status).toBe(403);
    expect((await ask('runner', { kind: 'Pod', name: 'mine' })).status).toBe(403);
    const { uid } = (await server.api.get(pods, { namespace: 'default', name: 'other' })).metadata;
    expect((await ask('runner', { kind: 'Pod', name: 'other', uid })).status).toBe(403);
    expect((await ask('foreign', { kind: 'Pod', name: 'other', uid })).status).toBe(403);
    expect((await ask('foreign', { kind: 'Pod', name: 'mine', uid: podUid })).status).toBe(403);
  });
});

describe('a mirror pod of a node', () => {
  const inSystem = `${core}/namespaces/kube-system`;
  const account = `${inSystem}/serviceaccounts/default`;
  let uid: string;
  const ask = (): Promise<Answer> => {
    const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', name: 'mirror', uid };
    return as('n1', 'POST', `${account}/token`, { body: { spec: { boundObjectRef } } });
  };
  /** A pod by whose account one sees that all pods before it are known. */
  const makeReal = async (name: string, serviceAccountName: string): Promise<void> => {
    const pod = podOf(name, 'n1', { serviceAccountName });
    await server.api.create(pods, { ...pod, metadata: { name, namespace: 'kube-system' } });
    const path = `${inSystem}/serviceaccounts/${serviceAccountName}`;
    await until(async () => (await status('n1', 'GET', path)) !== 403, { what: `the pod ${name} to be known` });
  };

  it('brings it neither the account that it shows, nor a token or a Secret of that', async () => {
    const namespace = 'kube-system';
    await server.api.create(secrets, { metadata: { name: 'of-default', namespace } });
    const imagePullSecrets = [{ name: 'of-default' }];
    await server.api.create(serviceAccounts, { metadata: { name: 'default', namespace }, imagePullSecrets });
    const metadata = { name: 'mirror', annotations: { 'kubernetes.io/config.mirror': 'x' } };
    const made = await as('n1', 'POST', `${inSystem}/pods`, { body: { ...podOf('mirror', 'n1'), metadata } });
    expect(made.status).toBe(201);
    uid = made.body.metadata.uid;
    await makeReal('another', 'absent');
    expect((await ask()).status).toBe(403);
    expect(await status('n1', 'GET', account)).toBe(403);
    expect(await status('n1', 'GET', `${inSystem}/secrets/of-default`)).toBe(403);
  });

  it('has no token bound to it, even where another pod of the node runs under the account', async () => {
    await makeReal('real', 'default');
    expect((await ask()).body).toMatchObject({
      code: 403,
      message: expect.stringContaining('requested token bound to a mirror pod'),
    });
  });
});

describe('local volumes', () => {
  const volume = (node: string, name: string): unknown => ({
    metadata: { name: 'made', annotations: { 'timonel.dev/node': node } },
    spec: {
      capacity: { storage: '1' },
      accessModes: ['ReadWriteOnce'],
      claimRef: { namespace: 'default', name },
      local: { path: '/x' },
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [
            { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [node] }] },
          ],
        },
      },
    },
  });
  const claim = (name: string, node?: string): unknown => ({
    metadata: {
      name,
      namespace: 'default',
      ...(node === undefined ? {} : { annotations: { 'volume.kubernetes.io/selected-node': node } }),
    },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1' } } },
  });

  it('get a class from it only as nodes make it, which takes no claims away from others', async () => {
    const mark = { 'storageclass.kubernetes.io/is-default-class': 'true' };
    const proper = { provisioner: 'timonel.dev/local', reclaimPolicy: 'Delete', allowVolumeExpansion: true };
    const create = (more: object, name = 'zz', annotations = {}): Promise<Answer> =>
      as('n1', 'POST', '/apis/storage.k8s.io/v1/storageclasses', {
        body: { metadata: { name, annotations }, ...proper, volumeBindingMode: 'WaitForFirstConsumer', ...more },
      });
    const terms = { matchLabelExpressions: [{ key: 'kubernetes.io/hostname', values: ['n1'] }] };
    for (const [more, says] of [
      [{ provisioner: 'other' }, 'only create storage classes of timonel.dev/local'],
      [{ volumeBindingMode: 'Immediate' }, 'WaitForFirstConsumer'],
      [{ volumeBindingMode: undefined }, 'WaitForFirstConsumer'],
      [{ allowedTopologies: [terms] }, 'with allowedTopologies'],
      [{ parameters: { path: '/x' } }, 'with parameters'],
      [{ mountOptions: ['suid'] }, 'with mountOptions'],
    ] as const)
      expect((await create(more)).body).toMatchObject({ code: 403, message: expect.stringContaining(says) });
    expect((await create({}, 'local', mark)).status).toBe(201);
    expect((await create({}, 'zz', mark)).body.message).toContain('cannot make a default storage class');
    expect((await create({}, 'zz')).status).toBe(201);
    // Each node makes it at its start.
    expect((await create({}, 'local', mark)).status).toBe(409);
  });

  it('only its own, for claims that are to be served by it', async () => {
    const selected = 'volume.kubernetes.io/selected-node';
    for (const [name, node] of [['for-n1', 'n1'], ['for-n2', 'n2'], ['for-any']] as const)
      await server.api.create(persistentVolumeClaims, claim(name, node) as never);
    const create = (body: unknown): Promise<number> =>
      status('n1', 'POST', `${core}/persistentvolumes?dryRun=All`, { body });
    const greedy = volume('n1', 'for-n1') as { spec: Record<string, unknown> };
    const nodePublishSecretRef = { name: 'foreign', namespace: 'default' };
    greedy.spec['csi'] = { driver: 'd', volumeHandle: 'h', nodePublishSecretRef };
    expect(await create(greedy)).toBe(422);
    const sneaky = volume('n1', 'for-n1') as { spec: Record<string, unknown> };
    sneaky.spec['flexVolume'] = { driver: 'd', secretRef: { name: 'foreign', namespace: 'default' } };
    expect(await create(sneaky)).toBe(422);
    expect(await create(volume('n1', 'for-n1'))).toBe(201);
    const elsewhere = volume('n1', 'for-n1') as { spec: Record<string, unknown> };
    for (const nodeSelectorTerms of [
      [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['n2'] }] }],
      [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['n1', 'n2'] }] }],
      [{ matchExpressions: [{ key: 'kubernetes.io/os', operator: 'In', values: ['linux'] }] }],
    ]) {
      elsewhere.spec['nodeAffinity'] = { required: { nodeSelectorTerms } };
      expect(await create(elsewhere)).toBe(403);
    }
    expect(await create(volume('n1', 'for-n2'))).toBe(403);
    expect(await create(volume('n1', 'for-any'))).toBe(403);
    expect(await create(volume('n2', 'for-n2'))).toBe(403);
    expect(await status('n1', 'DELETE', `${core}/persistentvolumes/volume`)).toBe(403);
    const select = (name: string, value: string | null): Promise<number> =>
      status(
        'n1',
        'PATCH',
        `${inDefault}/persistentvolumeclaims/${name}`,
        merge({ metadata: { annotations: { [selected]: value } } }),
      );
    expect(await select('for-any', 'n1')).toBe(200);
    expect(await select('for-any', null)).toBe(200);
    expect(await select('for-any', 'n2')).toBe(403);
    expect(await select('for-n2', 'n1')).toBe(403);
    const more = merge({ metadata: { labels: { a: 'b' } } });
    expect(await status('n1', 'PATCH', `${inDefault}/persistentvolumeclaims/for-any`, more)).toBe(403);
  });
});
