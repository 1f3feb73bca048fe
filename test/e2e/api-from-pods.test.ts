/** The API from within pods of a cluster whose server listens on loopback: by its name and its address, with the cluster's certificate. */
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { TestCluster } from '../support/cluster.ts';
import { newTraces, traces } from '../support/machine.ts';
import { until } from '../support/until.ts';

jest.setTimeout(60_000);

/** Asks until it is answered: the rules of services come by and by. Prints what it was told. */
const script = `
const https = require('node:https');
const { readFileSync } = require('node:fs');
const [ca, token] = ['ca.crt', 'token'].map((name) => readFileSync('/access/' + name, 'utf8'));
const get = (host, path) => new Promise((resolve, reject) => {
  const headers = { authorization: 'Bearer ' + token };
  const asked = https.get({ host, port: process.env.KUBERNETES_SERVICE_PORT, path, ca, headers, agent: false, timeout: 2000 });
  asked.on('timeout', () => asked.destroy(new Error('no answer')));
  asked.on('error', reject);
  asked.on('response', (answer) => {
    let text = '';
    answer.on('data', (chunk) => (text += chunk));
    answer.on('end', () => resolve({ status: answer.statusCode, body: JSON.parse(text) }));
  });
});
const answered = async (host, path) => {
  for (;;) {
    try { return await get(host, path); }
    catch (error) { console.error(host + ': ' + error.message); await new Promise((next) => setTimeout(next, 200)); }
  }
};
(async () => {
  const version = await answered('kubernetes.default.svc', '/version');
  const pods = await answered(process.env.KUBERNETES_SERVICE_HOST, '/api/v1/namespaces/default/pods');
  console.log(JSON.stringify([version.status, version.body.major, pods.status, pods.body.items.map(({ metadata }) => metadata.name)]));
})();`;

const accessVolume = {
  name: 'access',
  projected: {
    sources: [
      { serviceAccountToken: { path: 'token' } },
      { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
    ],
  },
};

function pod(name: string, spec: object = {}): object {
  const volumeMounts = [{ name: 'access', mountPath: '/access' }];
  const container = { name: 'c', image: 'timonel.local/node:host', command: ['node', '-e', script], volumeMounts };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { name } },
    spec: {
      restartPolicy: 'Never',
      serviceAccountName: 'reader',
      terminationGracePeriodSeconds: 1,
      volumes: [accessVolume],
      containers: [container],
      ...spec,
    },
  };
}

const objects = [
  { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'reader' } },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'reader' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: [{ kind: 'ServiceAccount', name: 'reader', namespace: 'default' }],
  },
  {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: 'nothing' },
    spec: { podSelector: { matchLabels: { name: 'isolated' } }, policyTypes: ['Ingress', 'Egress'] },
  },
];
const pods = [
  pod('plain'),
  pod('on-host', { hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' }),
  // Traffic with the own node is always allowed.
  pod('isolated'),
];
const names = ['isolated', 'on-host', 'plain'];

const proxies = [
  ['nftables', []],
  ['userspace', ['--disable', 'proxy-nftables', '--enable', 'proxy-userspace']],
] as const;

describe.each(proxies)('the API from within pods, with proxy-%s', (_, args) => {
  let before: readonly string[];
  let cluster: TestCluster;

  const ok = async (words: readonly string[], input = ''): Promise<string> => {
    const { status, stdout, stderr } = await cluster.kubectl(words, { input });
    if (status !== 0) throw new Error(`kubectl ${words.join(' ')} failed: ${stderr}`);
    return stdout.trim();
  };

  beforeAll(async () => {
    before = traces();
    cluster = await TestCluster.start({ args });
    await ok(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [...objects, ...pods] }));
  });
  afterAll(async () => {
    await cluster.dispose();
    expect(newTraces(before)).toEqual([]);
  });

  it.each(names)('%s: it answers at its name and its address', async (name) => {
    const phase = (): Promise<string> => ok(['get', 'pod', name, '-o', 'jsonpath={.status.phase}']);
    const said = async (): Promise<string> => (await cluster.kubectl(['logs', name])).stdout;
    let last = '';
    await until(async () => (await phase()) === 'Succeeded' || ((last = await said()), false), {
      what: () => `the pod ${name} to be answered; it says ${last}`,
      timeoutMs: 30_000,
    });
    const [version, major, status, listed] = JSON.parse((await said()).trim().split('\n').at(-1) ?? '') as unknown[];
    expect([version, major, status]).toEqual([200, '1', 200]);
    expect(listed).toEqual(expect.arrayContaining(names));
  });

  it('endpoints and slice are named after the service, and lead to the address of the node in the pod network', async () => {
    const node = await ok(['get', 'endpoints', 'kubernetes', '-o', 'jsonpath={.subsets[*].addresses[*].ip}']);
    expect(node).toMatch(/^10\.210\.\d+\.1$/);
    const inSlice = await ok(['get', 'endpointslice', 'kubernetes', '-o', 'jsonpath={.endpoints[*].addresses[*]}']);
    expect(inSlice).toBe(node);
  });
});
