/** Real kubectl for those who look after rights: auth can-i, whoami, reconcile; create token; certificate approve; --as. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { clusterRoles, serviceAccounts } from '@timonel/sdk/kube';
import { makePrivateKey, makeSigningRequest } from '@timonel/sdk/pki';
import admissionServiceAccount from '@timonel/plugin-admission-serviceaccount';
import authCertificate from '@timonel/plugin-auth-certificate';
import authzNode from '@timonel/plugin-authz-node';
import authzRbac from '@timonel/plugin-authz-rbac';
import controllerCertificates from '@timonel/plugin-controller-certificates';
import controllerRoleAggregation from '@timonel/plugin-controller-roleaggregation';
import controllerServiceAccount from '@timonel/plugin-controller-serviceaccount';
import { until } from '@timonel/testkit';
import type { RunResult } from '../support/cluster.ts';
import { startKubectlServer, type KubectlServer } from '../support/kubectl-server.ts';

let cluster: KubectlServer;
beforeAll(async () => {
  cluster = await startKubectlServer({
    plugins: [
      authCertificate,
      authzNode,
      authzRbac,
      admissionServiceAccount,
      controllerServiceAccount,
      controllerRoleAggregation,
      controllerCertificates,
    ],
    apiserver: { access: 'decided' },
  });
  const { api } = cluster.server;
  await until(async () => ((await api.get(clusterRoles, { name: 'edit' })).rules ?? []).length > 20, {
    what: 'the rules of edit',
  });
  await prints('create namespace team');
  await prints('create rolebinding editors --clusterrole=edit --user=jane --namespace=team');
}, 300_000);
afterAll(() => cluster.server.stop());

const kubectl = (command: string, input?: string): Promise<RunResult> => cluster.run(command.split(' '), input);

/** What a command prints; it must succeed. */
async function prints(command: string, input?: string): Promise<string> {
  const { status, stdout, stderr } = await kubectl(command, input);
  expect({ command, status, stderr }).toEqual({ command, status: 0, stderr: '' });
  return stdout;
}

/** A kubeconfig of somebody else. */
function configOf(name: string, user: Readonly<Record<string, string>>): string {
  const { kernel, url } = cluster.server;
  const file = join(kernel.dataDir, `kubeconfig-${name}`);
  const text = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server: url, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'c',
  };
  writeFileSync(file, JSON.stringify(text), { mode: 0o600 });
  return file;
}

describe('kubectl auth', () => {
  it('can-i, for oneself and for others', async () => {
    expect(await prints('auth can-i create deployments')).toBe('yes\n');
    await until(async () => (await kubectl('auth can-i create deployments --as=jane -n team')).stdout === 'yes\n', {
      what: 'the binding to be in force',
    });
    const { status, stdout } = await kubectl('auth can-i create deployments --as=jane -n default');
    expect({ status, stdout }).toEqual({ status: 1, stdout: 'no\n' });
    expect((await kubectl('auth can-i get /metrics --as=jane')).stdout).toBe('no\n');
    expect(await prints('auth can-i get /version --as=jane')).toBe('yes\n');
    expect(await prints('auth can-i get pods/log --as=jane -n team')).toBe('yes\n');
    expect((await kubectl('auth can-i create pods --subresource=eviction --as=eve -n team')).stdout).toBe('no\n');
    expect(await prints('auth can-i delete pods --as=eve --as-group=system:masters')).toBe('yes\n');
  });

  it('can-i --list', async () => {
    const list = await prints('auth can-i --list --as=jane -n team');
    expect(list).toMatch(/deployments\.apps +\[\] +\[\] +\[.*create/);
    expect(list).toMatch(/selfsubjectreviews\.authentication\.k8s\.io +\[\] +\[\] +\[create\]/);
    expect(list).toMatch(/\[\/version\] +\[\] +\[get\]/);
    expect(list).not.toMatch(/^\*\.\*/m);
    expect(await prints('auth can-i --list')).toMatch(/^\*\.\* +\[\] +\[\] +\[\*\]/m);
  });

  it('whoami', async () => {
    expect(await prints('auth whoami')).toMatch(/Username +admin\nGroups +\[system:masters system:authenticated\]/);
    const as = '--as=jane --as-group=dev --as-user-extra=scopes=view';
    expect(await prints(`auth whoami ${as}`)).toMatch(
      /Username +jane\nGroups +\[dev system:authenticated\]\nExtra: scopes +\[view\]/,
    );
    const uid = await prints('auth whoami --as=jane --as-uid=1234 -o json');
    expect(JSON.parse(uid).status.userInfo).toEqual({
      username: 'jane',
      uid: '1234',
      groups: ['system:authenticated'],
    });
  });

  it('reconcile adds what is missing and keeps the rest', async () => {
    const role = (verbs: string): string => `apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: r, namespace: team}
rules: [{apiGroups: [""], resources: [pods], verbs: ${verbs}}]
`;
    const reconcile = async (verbs: string): Promise<RunResult> => kubectl('auth reconcile -f -', role(verbs));
    expect(await reconcile('[get]')).toMatchObject({ status: 0, stdout: expect.stringContaining('r reconciled') });
    expect(await reconcile('[list]')).toMatchObject({ status: 0, stderr: expect.stringContaining('missing rules') });
    expect(await prints('get role r -n team -o jsonpath={.rules[*].verbs}')).toBe('["get"] ["list"]');
    const removed = await kubectl('auth reconcile --remove-extra-permissions -f -', role('[list]'));
    expect(removed).toMatchObject({ status: 0, stderr: expect.stringContaining('extra rules removed') });
    expect(await prints('get role r -n team -o jsonpath={.rules[*].verbs}')).toBe('["list"]');
    const binding = (user: string): string => `apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: r, namespace: team}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: r}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: ${user}}]
`;
    for (const user of ['ada', 'bob']) {
      expect(await kubectl('auth reconcile -f -', binding(user))).toMatchObject({ status: 0 });
    }
    expect(await prints('get rolebinding r -n team -o jsonpath={.subjects[*].name}')).toBe('ada bob');
  });

  it('reconcile gives nobody more than one has', async () => {
    const role = `apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: more, namespace: team}
rules: [{apiGroups: ["*"], resources: ["*"], verbs: ["*"]}]
`;
    const { status, stderr } = await kubectl('auth reconcile --as=jane -f -', role);
    expect(status).not.toBe(0);
    expect(stderr).toContain('forbidden');
  });
});

describe('kubectl --as', () => {
  it('is what that user gets', async () => {
    expect(await prints('get pods --as=jane -n team -o name')).toBe('');
    const { status, stderr } = await kubectl('get pods --as=jane -n default');
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr:
        'Error from server (Forbidden): pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "default"\n',
    });
  });
});

describe('kubectl --as of those who may not', () => {
  it('is refused, by what is impersonated', async () => {
    const asking = configOf('asking', { token: (await prints('create token default -n team')).trim() });
    const refused = async (flags: string): Promise<string> =>
      (await cluster.run(['get', 'pods', ...flags.split(' ')], undefined, { KUBECONFIG: asking })).stderr;
    const who = 'User "system:serviceaccount:team:default" cannot impersonate resource';
    expect(await refused('--as=jane')).toContain(`users "jane" is forbidden: ${who} "users"`);
    const user = 'apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: as-jane}\n';
    const rules = 'rules: [{apiGroups: [""], resources: [users], verbs: [impersonate], resourceNames: [jane]}]\n';
    await prints('create -f -', `${user}${rules}`);
    await prints('create clusterrolebinding as-jane --clusterrole=as-jane --serviceaccount=team:default');
    await until(async () => (await refused('--as=jane -n team')).startsWith('No resources found'), {
      what: 'to be jane',
    });
    expect(await refused('--as=jane --as-group=system:masters')).toContain(
      `groups "system:masters" is forbidden: ${who}`,
    );
    expect(await refused('--as=jane --as-uid=1')).toContain(`uids.authentication.k8s.io "1" is forbidden: ${who}`);
    expect(await refused('--as=jane --as-user-extra=a=b')).toContain(
      `userextras.authentication.k8s.io "b" is forbidden`,
    );
  });
});

describe('kubectl create token', () => {
  it('makes one that is the account', async () => {
    await cluster.server.api.create(serviceAccounts, { metadata: { name: 'builder', namespace: 'team' } });
    const token = (await prints('create token builder -n team --duration=10m')).trim();
    const config = configOf('builder', { token });
    const { stdout } = await cluster.run(['auth', 'whoami'], undefined, { KUBECONFIG: config });
    expect(stdout).toMatch(/Username +system:serviceaccount:team:builder/);
    const { stderr } = await cluster.run(['get', 'pods', '-n', 'team'], undefined, { KUBECONFIG: config });
    expect(stderr).toContain('User "system:serviceaccount:team:builder" cannot list resource "pods"');
  });

  const claimsOf = (token: string): Record<string, unknown> =>
    JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'));

  it('makes one of an audience, that is bound to an object', async () => {
    await prints('create secret generic bound -n team');
    const bound = '--bound-object-kind=Secret --bound-object-name=bound';
    const token = (await prints(`create token builder -n team --audience=vault --duration=20m ${bound}`)).trim();
    const claims = claimsOf(token) as { exp: number; iat: number };
    expect(claims).toMatchObject({ aud: ['vault'], 'kubernetes.io': { secret: { name: 'bound' } } });
    expect(claims.exp - claims.iat).toBe(1200);
    const config = configOf('vault', { token });
    const { stderr } = await cluster.run(['auth', 'whoami'], undefined, { KUBECONFIG: config });
    expect(stderr).toContain('You must be logged in to the server');
    expect((await kubectl('create token nobody -n team')).stderr).toContain('serviceaccounts "nobody" not found');
  });
});

describe('kubectl certificate', () => {
  const request = async (name: string, key: string): Promise<string> => {
    const pem = await makeSigningRequest(key, { commonName: name, organizations: ['dev'] });
    return `apiVersion: certificates.k8s.io/v1
kind: CertificateSigningRequest
metadata: {name: ${name}}
spec:
  request: ${Buffer.from(pem).toString('base64')}
  signerName: kubernetes.io/kube-apiserver-client
  usages: [client auth]
`;
  };

  it('approve: the certificate is the user', async () => {
    const key = await makePrivateKey();
    await prints('create -f -', await request('jane', key));
    expect(await prints('get csr jane --no-headers')).toMatch(/admin +<none> +Pending/);
    expect(await prints('certificate approve jane')).toBe(
      'certificatesigningrequest.certificates.k8s.io/jane approved\n',
    );
    const certificate = await until(() => prints('get csr jane -o jsonpath={.status.certificate}'), {
      what: 'the certificate',
    });
    expect(await prints('get csr jane --no-headers')).toMatch(/Approved,Issued/);
    const config = configOf('jane', {
      'client-certificate-data': certificate,
      'client-key-data': Buffer.from(key).toString('base64'),
    });
    const { stdout } = await cluster.run(['auth', 'whoami'], undefined, { KUBECONFIG: config });
    expect(stdout).toMatch(/Username +jane\nGroups +\[dev system:authenticated\]/);
  });

  it('deny', async () => {
    await prints('create -f -', await request('eve', await makePrivateKey()));
    await prints('certificate deny eve');
    expect(await prints('get csr eve --no-headers')).toMatch(/Denied$/m);
  });
});
