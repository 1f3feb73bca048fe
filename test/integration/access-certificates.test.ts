/** Requests for certificates: approved by who may, signed for what each signer signs, and worth what they say. */
import { request as httpsRequest } from 'node:https';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { apiEndpoint } from '@timonel/sdk/contracts/api-server';
import {
  certificateSigningRequests,
  clusterRoleBindings,
  clusterRoles,
  type CertificateSigningRequest,
} from '@timonel/sdk/kube';
import { makePrivateKey, makeSigningRequest, readCertificate, type RequestSubject } from '@timonel/sdk/pki';
import authCertificate from '@timonel/plugin-auth-certificate';
import authzNode from '@timonel/plugin-authz-node';
import authzRbac from '@timonel/plugin-authz-rbac';
import controllerCertificates from '@timonel/plugin-controller-certificates';
import { until } from '@timonel/testkit';
import { startApiServer, type Answer, type TestApiServer } from '../support/api-server.ts';

const collection = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
const userSigner = 'kubernetes.io/kube-apiserver-client';
const nodeSigner = 'kubernetes.io/kube-apiserver-client-kubelet';
const servingSigner = 'kubernetes.io/kubelet-serving';
const clientUsages = ['client auth', 'digital signature'];
const tokens: Readonly<Record<string, string>> = {
  asker: 'token-of-the-asker',
  approver: 'token-of-the-approver',
  n1: 'token-of-the-node-n1',
};
const apiGroup = 'rbac.authorization.k8s.io';
/** Made by openssl, as users do: RSA of 2048 bits, O=developers, CN=jane. */
const rsaRequest = `-----BEGIN CERTIFICATE REQUEST-----
MIICaTCCAVECAQAwJDETMBEGA1UECgwKZGV2ZWxvcGVyczENMAsGA1UEAwwEamFu
ZTCCASIwDQYJKoZIhvcNAQEBBQADggEPADCCAQoCggEBAMTMmzquOoFOuhYmQ3ED
E5Vge+LgKNaa8PirMBN1uyzdiMZfbgkFykONHhSWiyT2JZuwrbpDeIduiQWzy+QX
SfTi7QGPVFCogRWmoe+dSbzWt2/WgvUg4n6OJpehqtN/B6g7mYCxdRXQrQKS4gYL
UiE6OK9DyC+fkbLD8FRGObBmjXzlwfFBSCRz8HJKot78EnSTvtVbFaaIoGJrr0CN
DRUKrzv/6/XrgOL2uVD25ZTMJ6XZcKKCilJZvmdkj/bmOlPIhXZ7rkTeW/XsNBRk
dxfEHiIVgoef0cWIcvvcvQtYfma/Px4DrFXkIPH6jDbAvUijtsSVcoNH3Ie5Vrls
zq8CAwEAAaAAMA0GCSqGSIb3DQEBCwUAA4IBAQCp5sODFoKlegF1/jL6R5nKrRrJ
rO2ce5L90ZksZZqA6GsJBZblCruIlxWzl3GwBeW5qPacBZh3+WtGIBo5/iGlf4l0
2VY4AxPEjj44Y32kpb13RdhKhIrF7rznMMhThNh64658O5aAUuAa+38paJxThGxS
+ZBBa9iPvJpf5N4e8NdAs7c2ekqR2TL6ztHfaoInCQ6XzqhSd2Pabb2ve5D6PIN1
pkqKK9Dw+cLQQmXPbcPGbkue0UAcNpd4fsZR3YGaNH/qvxtqR/AfquQZhB6Jp0s1
IMlqYA6//qCvX9txilmdRTUsWtjxQtPOCeSSfx0eL4KwfPl406bs7KrQ6L4O
-----END CERTIFICATE REQUEST-----
`;
/** The same, of 1024 bits. */
const weakRequest = `-----BEGIN CERTIFICATE REQUEST-----
MIIBTjCBuAIBADAPMQ0wCwYDVQQDDAR3ZWFrMIGfMA0GCSqGSIb3DQEBAQUAA4GN
ADCBiQKBgQC9ITxhepaS0Wsb15YenQ4A7adUuMb8SpiBrky5MWmpUEs5O3cbfY9l
CElbXtjCSafEBg/+Y0puT+8tqvnblZxaVPlqO7kGPMHealcUyz8IlLzPYz+quoRK
jwLJUTB5Csr+fmA5IFj9Ytsv1O2s+Zw+V1nHkJbutyVgKoQAJ4etDQIDAQABoAAw
DQYJKoZIhvcNAQELBQADgYEAWGenilRxxWYl6rPp07log+iCu2aVaacT/UBflfps
o3HQbPxNFJo1+Cs9naRG9GgTD57LoJliI1ejeOzIgftaX0YHW9gMlbnHoq6c1nVF
vRjIdbbJDuyPkwd5zJD8drX2GcXGxr12iM4WUJpm4UHz7AEOX7k+c78CuixpKurw
TUQ=
-----END CERTIFICATE REQUEST-----
`;

let server: TestApiServer;

beforeAll(async () => {
  server = await startApiServer({
    plugins: [authCertificate, authzNode, authzRbac, controllerCertificates],
    apiserver: { access: 'decided' },
    config: {
      'auth-token': {
        tokens: Object.entries(tokens).map(([name, token]) =>
          name === 'n1' ? { token, username: 'system:node:n1', groups: ['system:nodes'] } : { token, username: name },
        ),
      },
    },
  });
  const { api } = server;
  const resources = [
    'certificatesigningrequests',
    'certificatesigningrequests/approval',
    'certificatesigningrequests/status',
  ];
  const certificates = 'certificates.k8s.io';
  const give = async (
    name: string,
    users: string[],
    rules: { verbs: string[]; apiGroups: string[]; resources: string[]; resourceNames?: string[] }[],
  ): Promise<void> => {
    await api.create(clusterRoles, { metadata: { name }, rules });
    await api.create(clusterRoleBindings, {
      metadata: { name },
      roleRef: { apiGroup, kind: 'ClusterRole', name },
      subjects: users.map((user) => ({ apiGroup, kind: 'User', name: user })),
    });
  };
  const all = { verbs: ['create', 'get', 'update', 'patch'], apiGroups: [certificates], resources };
  await give('writers', ['asker', 'approver'], [all]);
  await give(
    'approvers',
    ['approver'],
    [{ verbs: ['approve'], apiGroups: [certificates], resources: ['signers'], resourceNames: [userSigner] }],
  );
  await give(
    'nodes',
    ['system:node:n1'],
    [{ verbs: ['create'], apiGroups: [certificates], resources: ['certificatesigningrequests/selfnodeclient'] }],
  );
  await until(async () => (await as('approver', 'GET', `${collection}/none`)).status === 404, { what: 'the rights' });
});
afterAll(() => server.stop());

const as = (user: string, method: string, path: string, body?: unknown, type?: string): Promise<Answer> =>
  server.send(method, path, {
    token: tokens[user] ?? server.token,
    ...(body === undefined ? {} : { body }),
    ...(type === undefined ? {} : { type }),
  });

interface Wish {
  readonly signerName?: string;
  readonly usages?: readonly string[];
  readonly expirationSeconds?: number;
}

let count = 0;
async function ask(user: string, pem: string, wish: Wish = {}): Promise<Answer & { readonly name: string }> {
  count += 1;
  const name = `request-${count}`;
  const request = Buffer.from(pem).toString('base64');
  const spec = { request, signerName: userSigner, usages: clientUsages, ...wish };
  return { ...(await as(user, 'POST', collection, { metadata: { name }, spec })), name };
}

const requestFor = async (subject: RequestSubject): Promise<{ key: string; pem: string }> => {
  const key = await makePrivateKey();
  return { key, pem: await makeSigningRequest(key, subject) };
};

const conditions = (type: string): unknown => ({
  status: { conditions: [{ type, status: 'True', reason: 'Test', message: '' }] },
});
const approve = (user: string, name: string, type = 'Approved'): Promise<Answer> =>
  as(user, 'PATCH', `${collection}/${name}/approval`, conditions(type), 'application/merge-patch+json');

const settled = (name: string): Promise<NonNullable<CertificateSigningRequest['status']>> =>
  until(
    async () => {
      const { status } = await server.api.get(certificateSigningRequests, { name });
      const isFailed = status?.conditions?.some(({ type }) => type === 'Failed') === true;
      return status?.certificate !== undefined || isFailed ? status : undefined;
    },
    { what: `the answer to ${name}` },
  );
const certificateOf = async (name: string): Promise<string> =>
  Buffer.from((await settled(name)).certificate ?? '', 'base64').toString();

/** Who the API takes the owner of a certificate for. */
function whoami(cert: string, key: string): Promise<number> {
  const { hostname, port } = new URL(server.url);
  const ca = server.kernel.service(apiEndpoint).caCertificate();
  return new Promise((resolve, reject) => {
    httpsRequest({ hostname, port, path: '/api', ca, cert, key, agent: false }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    })
      .on('error', reject)
      .end();
  });
}

describe('certificates of users', () => {
  it('are signed once somebody approves them, and let in', async () => {
    const { key, pem } = await requestFor({ commonName: 'jane', organizations: ['developers'] });
    const { name, status } = await ask('asker', pem, { expirationSeconds: 600 });
    expect(status).toBe(201);
    expect((await approve('approver', name)).status).toBe(200);
    const certificate = await certificateOf(name);
    const facts = readCertificate(certificate);
    expect(facts).toMatchObject({ commonName: 'jane', organizations: ['developers'] });
    expect(facts.notAfter - Date.now()).toBeLessThanOrEqual(600_000);
    expect(await whoami(certificate, key)).toBe(200);
  });

  it('have keys of RSA, too, but none that is weak', async () => {
    const strong = await ask('asker', rsaRequest);
    await approve('approver', strong.name);
    expect(readCertificate(await certificateOf(strong.name))).toMatchObject({ commonName: 'jane' });
    const weak = await ask('asker', weakRequest);
    await approve('approver', weak.name);
    expect((await settled(weak.name)).conditions).toMatchObject([
      { type: 'Approved' },
      { type: 'Failed', reason: 'SignerValidationFailure', message: expect.stringContaining('2048') },
    ]);
  });

  it('are not made for administrators, nor by nobody', async () => {
    const { pem } = await requestFor({ commonName: 'eve', organizations: ['system:masters'] });
    expect((await ask('asker', pem)).body).toMatchObject({
      code: 403,
      message: expect.stringContaining(
        'use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed',
      ),
    });
    expect((await ask('asker', pem, { signerName: 'kubernetes.io/legacy-unknown' })).status).toBe(403);
  });

  it('fail for usages that the signer does not sign', async () => {
    const { pem } = await requestFor({ commonName: 'jane' });
    const { name } = await ask('asker', pem, { usages: ['client auth', 'cert sign'] });
    await approve('approver', name);
    expect((await settled(name)).conditions?.at(-1)).toMatchObject({ type: 'Failed' });
  });
});

describe('who decides', () => {
  it('nobody approves without the right to that signer, nor signs himself', async () => {
    const { pem } = await requestFor({ commonName: 'jane' });
    const { name } = await ask('asker', pem);
    expect((await approve('asker', name)).body).toMatchObject({
      code: 403,
      message: expect.stringContaining(`user not permitted to approve requests with signerName "${userSigner}"`),
    });
    const serving = await ask('asker', pem, { signerName: servingSigner, usages: ['server auth'] });
    expect((await approve('approver', serving.name)).status).toBe(403);
    const certificate = Buffer.from(rsaRequest.replaceAll('CERTIFICATE REQUEST', 'CERTIFICATE')).toString('base64');
    const body = { status: { certificate } };
    const answer = await as('approver', 'PATCH', `${collection}/${name}/status`, body, 'application/merge-patch+json');
    expect(answer.body.message).toContain('user not permitted to sign requests with signerName');
  });

  it('who asks is what the server knows, whatever the request says', async () => {
    const { pem } = await requestFor({ commonName: 'jane' });
    const request = Buffer.from(pem).toString('base64');
    const spec = {
      request,
      signerName: userSigner,
      usages: clientUsages,
      username: 'admin',
      groups: ['system:masters'],
    };
    const { body } = await as('asker', 'POST', collection, { metadata: { name: 'forged' }, spec });
    expect(body.spec).toMatchObject({ username: 'asker', groups: ['system:authenticated'] });
  });

  it('a denied request is never signed', async () => {
    const { pem } = await requestFor({ commonName: 'jane' });
    const { name } = await ask('asker', pem);
    expect((await approve('approver', name, 'Denied')).status).toBe(200);
    expect((await approve('approver', name)).status).toBe(422);
  });
});

describe('certificates of nodes', () => {
  const ofNode = (name: string, names: string[] = []): Promise<{ pem: string }> =>
    requestFor({ commonName: `system:node:${name}`, organizations: ['system:nodes'], names });

  it('a node that may gets its own by itself', async () => {
    const { pem } = await ofNode('n1');
    const { name } = await ask('n1', pem, { signerName: nodeSigner });
    expect(readCertificate(await certificateOf(name))).toMatchObject({ commonName: 'system:node:n1' });
    expect((await settled(name)).conditions).toMatchObject([{ type: 'Approved', reason: 'AutoApproved' }]);
  });

  it('but none of another node, also when somebody approves it as if by itself', async () => {
    const { pem } = await ofNode('n2');
    const { name } = await ask('n1', pem, { signerName: nodeSigner });
    const mine = await ask('n1', (await ofNode('n1')).pem, { signerName: nodeSigner });
    await settled(mine.name);
    expect((await server.api.get(certificateSigningRequests, { name })).status?.conditions ?? []).toEqual([]);
  });

  it('serving: for the node that asks, with names, once approved', async () => {
    const wish = { signerName: servingSigner, usages: ['server auth', 'digital signature'] };
    const own = await ask('n1', (await ofNode('n1', ['n1', '10.0.0.1'])).pem, wish);
    await approve('', own.name);
    expect(readCertificate(await certificateOf(own.name))).toMatchObject({ names: ['n1', '10.0.0.1'] });
    for (const [user, node, names] of [
      ['n1', 'n2', ['n2']],
      ['asker', 'n1', ['n1']],
      ['n1', 'n1', []],
    ] as const) {
      const { name } = await ask(user, (await ofNode(node, [...names])).pem, wish);
      await approve('', name);
      expect((await settled(name)).conditions?.at(-1)).toMatchObject({ type: 'Failed' });
    }
  });
});
