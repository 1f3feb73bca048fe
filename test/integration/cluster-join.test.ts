/** Joining a real API server: tokens, nodes, servers, renewals. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import { definePlugin } from '@timonel/sdk';
import { storeAdmin, type MemberStatus, type StoreAdmin } from '@timonel/sdk/contracts/store';
import {
  callJoin,
  fetchAuthority,
  formatJoinToken,
  hashJoinSecret,
  joinPaths,
  joinTokenHashKey,
  joinTokenSecretName,
  joinTokenSecretType,
  joinTokenUsageKey,
  makeJoinToken,
  nodeReportOf,
  nodeReportQuery,
  type AgentJoinAnswer,
  type JoinRole,
  type RenewAnswer,
  type ServerJoinAnswer,
  type ServersAnswer,
} from '@timonel/sdk/join';
import { endpoints, endpointSlices, leases, nodes, secrets } from '@timonel/sdk/kube';
import {
  isBelieved,
  isPair,
  isSignedBy,
  issueIdentity,
  makePrivateKey,
  makeSigningRequest,
  makeSuccessor,
  nodeProfile,
  readCertificate,
  readIdentity,
  writeAuthority,
  type Identity,
} from '@timonel/sdk/pki';
import { until } from '@timonel/testkit';
import authCertificate from '@timonel/plugin-auth-certificate';
import clusterJoin from '@timonel/plugin-cluster-join';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';

const env = createRealEnv();
const ended: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end();
});

class FakeMembers implements Partial<StoreAdmin> {
  readonly added: { id: string; name: string; peerUrl: string }[] = [];
  members(): Promise<readonly MemberStatus[]> {
    const of = ({ id, name, peerUrl }: { id: string; name: string; peerUrl: string }): MemberStatus => ({
      id,
      name,
      peerUrls: [peerUrl],
      learner: true,
      self: false,
      leader: false,
      status: undefined,
      error: undefined,
      matchIndex: undefined,
    });
    return Promise.resolve([of({ id: 'm1', name: 'a', peerUrl: '10.0.0.1:2380' }), ...this.added.map(of)]);
  }
  addLearner(member: { id: string; name: string; peerUrl: string }): Promise<void> {
    this.added.push({ ...member });
    return Promise.resolve();
  }
}

interface Cluster {
  readonly server: TestApiServer;
  readonly pki: string;
  readonly ca: string;
  readonly pin: string;
  token(role: JoinRole, more?: { expiration?: string; id?: string }): Promise<string>;
  post<T>(path: string, body: unknown, identity?: Identity): Promise<T>;
}

async function start(more: Record<string, unknown> = {}, members?: FakeMembers): Promise<Cluster> {
  const pki = mkdtempSync(join(tmpdir(), 'timonel-join-'));
  ended.push(() => rmSync(pki, { recursive: true, force: true }));
  const adminTokenFile = join(pki, 'admin.token');
  writeFileSync(adminTokenFile, 'the-admin-token\n');
  const admin = definePlugin({
    name: 'fake-members',
    version: '0.0.0',
    apiVersion: 1,
    provides: { admin: storeAdmin },
    setup: () => ({ provides: { admin: members as never } }),
  });
  const server = await startApiServer({
    plugins: [authCertificate, clusterJoin, ...(members === undefined ? [] : [admin])],
    apiserver: { pki: { directory: pki } },
    config: {
      'cluster-join': {
        name: 'a',
        memberId: 'm1',
        url: 'https://10.0.0.1:6443',
        peerNames: ['10.0.0.1'],
        pkiDirectory: pki,
        adminTokenFile,
        clusterCidr: '10.244.0.0/16',
        serviceCidr: '10.96.0.0/16',
        podCidrTimeoutMs: 0,
        attemptsPerMinute: 1000,
        ...more,
      },
    },
  });
  ended.push(() => server.stop());
  const authority = await readIdentity(pki, 'ca');
  if (authority === undefined) throw new Error('there is no authority');
  const ca = authority.certificatePem;
  const pin = readCertificate(ca).publicKeyFingerprint;
  return {
    server,
    pki,
    ca,
    pin,
    async token(role, { expiration, id } = {}) {
      const made = makeJoinToken(env, pin);
      const token = id === undefined ? made : { ...made, id };
      await server.api.create(secrets, {
        metadata: { namespace: 'kube-system', name: joinTokenSecretName(token.id) },
        type: joinTokenSecretType,
        stringData: {
          'token-id': token.id,
          [joinTokenHashKey]: hashJoinSecret(token.secret),
          expiration: expiration ?? new Date(Date.now() + 60_000).toISOString(),
          [joinTokenUsageKey(role)]: 'true',
        },
      });
      return formatJoinToken(token);
    },
    post: (path, body, identity) =>
      callJoin(
        { server: server.url, ca, env, timeoutMs: 10_000, ...(identity === undefined ? {} : { identity }) },
        'POST',
        path,
        body,
        { texts: [], lists: [] },
      ),
  };
}

async function machine(): Promise<{ keyPem: string; csr: string }> {
  const keyPem = await makePrivateKey();
  return {
    keyPem,
    csr: await makeSigningRequest(keyPem, { commonName: 'whatever', organizations: ['system:masters'] }),
  };
}

describe('a node', () => {
  it('joins by a token, and is known by its certificate', async () => {
    const cluster = await start();
    const { ca } = await fetchAuthority({ server: cluster.server.url, env, timeoutMs: 5000 }, cluster.pin);
    expect(ca).toBe(cluster.ca);
    const { keyPem, csr } = await machine();
    const token = await cluster.token('agent');
    const answer = await cluster.post<AgentJoinAnswer>(joinPaths.agents, {
      token,
      nodeName: 'n1',
      csr,
      addresses: ['10.0.0.9'],
    });
    expect(answer).toMatchObject({
      nodeName: 'n1',
      ca,
      servers: ['https://10.0.0.1:6443'],
      clusterCidr: '10.244.0.0/16',
      serviceCidr: '10.96.0.0/16',
      podCidr: '',
    });
    const identity = { certificatePem: answer.certificate, keyPem };
    expect(isPair(identity)).toBe(true);
    expect(readCertificate(answer.certificate)).toMatchObject({
      commonName: 'system:node:n1',
      organizations: ['system:nodes'],
      names: ['n1', '10.0.0.9'],
    });
    const peer = { server: cluster.server.url, ca, env, timeoutMs: 5000, identity };
    expect(
      await callJoin<ServersAnswer>(peer, 'GET', joinPaths.servers, undefined, { texts: [], lists: ['servers'] }),
    ).toEqual({ servers: ['https://10.0.0.1:6443'], ca });
    const node = await cluster.server.api.get(nodes, { name: 'n1' });
    expect(node.metadata.annotations?.['timonel.dev/node-key']).toBe(
      readCertificate(answer.certificate).publicKeyFingerprint,
    );
  });

  it('waits until its pod addresses are allocated', async () => {
    const cluster = await start({ podCidrTimeoutMs: 10_000 });
    const { csr } = await machine();
    const token = await cluster.token('agent');
    const joining = cluster.post<AgentJoinAnswer>(joinPaths.agents, { token, nodeName: 'n1', csr });
    await until(() => cluster.server.api.get(nodes, { name: 'n1' }), { what: 'the node' });
    await cluster.server.api.patch(
      nodes,
      { name: 'n1' },
      { type: 'merge', body: { spec: { podCIDR: '10.244.7.0/24', podCIDRs: ['10.244.7.0/24'] } } },
    );
    expect((await joining).podCidr).toBe('10.244.7.0/24');
  });

  it('has its name for itself, until the Node is deleted', async () => {
    const cluster = await start();
    const token = await cluster.token('agent');
    const [first, second] = [await machine(), await machine()];
    const join = (who: { csr: string }, identity?: Identity): Promise<AgentJoinAnswer> =>
      cluster.post<AgentJoinAnswer>(joinPaths.agents, { token, nodeName: 'n1', csr: who.csr }, identity);
    const { certificate } = await join(first);
    await expect(join(second)).rejects.toMatchObject({
      code: 'ERR_JOIN_REFUSED',
      message: expect.stringContaining('kubectl delete node n1'),
    });
    // The same machine again, by the same key or by its certificate.
    await join(first);
    await join(second, { certificatePem: certificate, keyPem: first.keyPem });
    await expect(join(first)).rejects.toMatchObject({ status: 409 });
    await cluster.server.api.delete(nodes, { name: 'n1' });
    await join(first);
    // A Node that somebody made by hand has no machine yet.
    await cluster.server.api.create(nodes, { metadata: { name: 'n2' }, spec: {} });
    await cluster.post(joinPaths.agents, { token, nodeName: 'n2', csr: second.csr });
  });

  it('is one of two that ask for the name at once', async () => {
    const cluster = await start();
    const token = await cluster.token('agent');
    const machines = await Promise.all(Array.from({ length: 8 }, machine));
    const results = await Promise.allSettled(
      machines.map(({ csr }) => cluster.post(joinPaths.agents, { token, nodeName: 'n1', csr })),
    );
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('says what its certificate is, and nobody says it for it', async () => {
    const cluster = await start();
    const token = await cluster.token('agent');
    const { keyPem, csr } = await machine();
    const { certificate } = await cluster.post<AgentJoinAnswer>(joinPaths.agents, { token, nodeName: 'n1', csr });
    const report = { issuer: cluster.pin, trusts: [cluster.pin], notAfter: '2030-01-01T00:00:00Z' };
    const say = (query: string, certificatePem: string, key = keyPem) =>
      callJoin<ServersAnswer>(
        {
          server: cluster.server.url,
          ca: cluster.ca,
          env,
          timeoutMs: 5000,
          identity: { certificatePem, keyPem: key },
        },
        'GET',
        `${joinPaths.servers}?${query}`,
        undefined,
        { texts: ['ca'], lists: ['servers'] },
      );
    const noted = async () => nodeReportOf((await cluster.server.api.get(nodes, { name: 'n1' })).metadata.annotations);
    const authority = await readIdentity(cluster.pki, 'ca');
    if (authority === undefined) throw new Error('there is no authority');
    for (const bad of [
      { ...report, issuer: 'x' },
      { ...report, trusts: ['no'] },
      { ...report, notAfter: 'soon' },
    ])
      await say(nodeReportQuery(bad), certificate);
    // A certificate of this name with another key: that of a machine that had the name before.
    const other = await issueIdentity(env, authority, nodeProfile('n1', []));
    await say(nodeReportQuery(report), other.certificatePem, other.keyPem);
    expect(await noted()).toBeUndefined();
    await say(nodeReportQuery(report), certificate);
    expect(await noted()).toEqual(report);
  });

  it('gets no certificate by which it could answer in place of a server, neither at first nor later', async () => {
    const cluster = await start();
    const annotations = {
      'timonel.dev/url': 'https://b.example:6443',
      'timonel.dev/endpoint': 'https://10.0.0.2:6443',
    };
    await cluster.server.api.create(leases, {
      metadata: {
        namespace: 'kube-system',
        name: 'timonel-server-b',
        labels: { 'timonel.dev/server': 'true' },
        annotations,
      },
      spec: { holderIdentity: 'b', renewTime: '2020-01-01T00:00:00.000000Z' },
    });
    const token = await cluster.token('agent');
    const { keyPem, csr } = await machine();
    const refused = (text: string): object => ({
      code: 'ERR_JOIN_REFUSED',
      status: 403,
      message: expect.stringContaining(text),
    });
    const join = (nodeName: string, ...addresses: string[]): Promise<AgentJoinAnswer> =>
      cluster.post<AgentJoinAnswer>(joinPaths.agents, { token, nodeName, csr, addresses });
    for (const [name, text] of [
      ['kubernetes.default.svc', "one of the cluster's own"],
      ['10.96.0.1', 'address of services'],
      ['b', 'belongs to the server "b"'],
      ['b.example', 'belongs to the server "b"'],
    ] as const) {
      await expect(join(name)).rejects.toMatchObject(refused(text));
      await expect(cluster.server.api.get(nodes, { name })).rejects.toMatchObject({ status: { code: 404 } });
    }
    await expect(join('n1', '10.0.0.9', '10.0.0.2')).rejects.toMatchObject(refused('belongs to the server "b"'));
    // What is this server's own, the node of its machine may have.
    const { certificate: certificatePem } = await join('n1', '127.0.0.1', '10.0.0.1');
    const renew = (...addresses: string[]): Promise<RenewAnswer> =>
      cluster.post<RenewAnswer>(joinPaths.renew, { csr, addresses }, { certificatePem, keyPem });
    await expect(renew('10.0.0.2')).rejects.toMatchObject(refused('belongs to the server "b"'));
    await expect(renew('10.96.0.1')).rejects.toMatchObject(refused('address of services'));
    expect(readCertificate((await renew('10.0.0.1')).certificate).names).toEqual(['n1', '10.0.0.1']);
  });

  it('renews its certificate by the one it has', async () => {
    const cluster = await start();
    const token = await cluster.token('agent');
    const { keyPem, csr } = await machine();
    const joined = await cluster.post<AgentJoinAnswer>(joinPaths.agents, { token, nodeName: 'n1', csr });
    const identity = { certificatePem: joined.certificate, keyPem };
    const renewed = await cluster.post<RenewAnswer>(joinPaths.renew, { csr, addresses: ['10.0.0.10'] }, identity);
    expect(isPair({ certificatePem: renewed.certificate, keyPem })).toBe(true);
    expect(readCertificate(renewed.certificate)).toMatchObject({
      commonName: 'system:node:n1',
      organizations: ['system:nodes'],
      names: ['n1', '10.0.0.10'],
    });
    expect(renewed.certificate).not.toBe(joined.certificate);
    await expect(cluster.post(joinPaths.renew, { csr, addresses: [] })).rejects.toMatchObject({ status: 401 });
    const admin = await cluster.server.send('POST', joinPaths.renew, { body: { csr } });
    expect(admin.status).toBe(403);
    const master = await readIdentity(cluster.pki, 'master-client');
    await expect(cluster.post(joinPaths.renew, { csr, addresses: [] }, master)).rejects.toMatchObject({ status: 403 });
    // The name has gone to another machine meanwhile.
    await cluster.server.api.delete(nodes, { name: 'n1' });
    await cluster.post(joinPaths.agents, { token, nodeName: 'n1', csr: (await machine()).csr });
    await expect(cluster.post(joinPaths.renew, { csr, addresses: [] }, identity)).rejects.toMatchObject({
      status: 409,
    });
  });
});

describe('a token', () => {
  it('that does not fit is refused in one way, whatever is wrong with it', async () => {
    const cluster = await start();
    const { csr } = await machine();
    const good = await cluster.token('agent');
    const revoked = await cluster.token('agent');
    await cluster.server.api.delete(secrets, {
      namespace: 'kube-system',
      name: joinTokenSecretName(revoked.split('.')[1] ?? ''),
    });
    const [, id = '', , pin = ''] = good.split('.');
    const tokens = [
      'x',
      `tml1.aaaaaa.${'a'.repeat(32)}.${pin}`,
      `tml1.${id}.${'a'.repeat(32)}.${pin}`,
      revoked,
      await cluster.token('server'),
      await cluster.token('agent', { expiration: new Date(Date.now() - 1000).toISOString() }),
      await cluster.token('agent', { expiration: 'soon' }),
    ];
    const refusals = new Set<string>();
    for (const token of tokens) {
      const { status, text } = await cluster.server.send('POST', joinPaths.agents, {
        token: null,
        body: { token, nodeName: 'n1', csr },
      });
      expect(status).toBe(403);
      refusals.add(text);
    }
    expect(refusals.size).toBe(1);
    await expect(cluster.server.api.get(nodes, { name: 'n1' })).rejects.toMatchObject({ status: { code: 404 } });
    await cluster.post(joinPaths.agents, { token: good, nodeName: 'n1', csr });
  });

  it('that has expired is removed, others stay', async () => {
    const cluster = await start({ checkPeriodMs: 100 });
    const soon = await cluster.token('agent', { expiration: new Date(Date.now() + 500).toISOString() });
    const good = await cluster.token('agent');
    const named = async (): Promise<string[]> =>
      (await cluster.server.api.list(secrets, { namespace: 'kube-system' })).items.map(
        ({ metadata }) => metadata.name ?? '',
      );
    const nameOf = (token: string): string => joinTokenSecretName(token.split('.')[1] ?? '');
    expect(await named()).toContain(nameOf(soon));
    await until(async () => !(await named()).includes(nameOf(soon)), { what: 'the expired token to go' });
    expect(await named()).toContain(nameOf(good));
  });

  it('can be tried so often only', async () => {
    const cluster = await start({ attemptsPerMinute: 3 });
    const body = { token: 'x', nodeName: 'n1', csr: '' };
    for (let n = 0; n < 3; n++)
      expect((await cluster.server.send('POST', joinPaths.agents, { body })).status).toBe(403);
    const { status, headers } = await cluster.server.send('POST', joinPaths.agents, { body });
    expect(status).toBe(429);
    expect(Number(headers['retry-after'])).toBeGreaterThan(0);
  });

  it('does not excuse a malformed request', async () => {
    const cluster = await start();
    const token = await cluster.token('agent');
    const { csr } = await machine();
    const says = async (body: unknown): Promise<string> => {
      const { status, body: answer } = await cluster.server.send('POST', joinPaths.agents, { token: null, body });
      expect(status).toBe(400);
      return answer.message;
    };
    expect(await says(undefined)).toContain('nodeName');
    expect(await says({ token, nodeName: 'Not A Name', csr })).toContain('nodeName');
    expect(await says({ token, nodeName: 'n', csr, addresses: ['x'] })).toContain('IP address');
    expect(await says({ token, nodeName: 'n', csr: 'x' })).toContain('signing request');
  });
});

describe('a server', () => {
  const body = async (token: string, more: object = {}) => {
    const { keyPem, csr } = await machine();
    return { keyPem, request: { token, name: 'b', memberId: 'm2', peerUrl: '10.0.0.2:2380', csr, ...more } };
  };

  it('becomes a learner once, and gets what servers share', async () => {
    const members = new FakeMembers();
    const cluster = await start({}, members);
    const { keyPem, request } = await body(await cluster.token('server'));
    const answer = await cluster.post<ServerJoinAnswer>(joinPaths.servers, request);
    expect(answer).toMatchObject({ adminToken: 'the-admin-token', ca: cluster.ca, clusterCidr: '10.244.0.0/16' });
    expect(isPair({ certificatePem: answer.ca, keyPem: answer.caKey })).toBe(true);
    const inFile = (name: string): string => readFileSync(join(cluster.pki, name), 'utf8').trim();
    expect(answer.masterKey).toBe(inFile('master.key'));
    expect(answer.signingKey?.trim()).toBe(inFile('sa.key'));
    expect(isPair({ certificatePem: answer.certificate, keyPem })).toBe(true);
    expect(isSignedBy(answer.certificate, cluster.ca)).toBe(true);
    expect(readCertificate(answer.certificate)).toMatchObject({
      commonName: 'm2',
      organizations: ['timonel:store-members'],
      names: ['10.0.0.2', 'b'],
    });
    await cluster.post(joinPaths.servers, request);
    expect(members.added).toEqual([{ id: 'm2', name: 'b', peerUrl: '10.0.0.2:2380' }]);
    for (const [more, says] of [
      [{ memberId: 'm3' }, 'the name "b" belongs to the member m2'],
      [{ memberId: 'm3', name: 'c', peerUrl: '10.0.0.1:2380' }, 'the peer address 10.0.0.1:2380 belongs to'],
      [{ peerUrl: '10.0.0.7:2380' }, 'another peer address'],
    ] as const) {
      await expect(cluster.post(joinPaths.servers, { ...request, ...more })).rejects.toMatchObject({
        status: 409,
        message: expect.stringContaining(says),
      });
    }
    expect(members.added).toHaveLength(1);
  });

  it('gets the authority of now, after it was replaced, and the keys of before', async () => {
    const cluster = await start({ checkPeriodMs: 100 }, new FakeMembers());
    const joining = await body(await cluster.token('server'));
    const before = await cluster.post<ServerJoinAnswer>(joinPaths.servers, joining.request);
    const first = await readIdentity(cluster.pki, 'ca');
    if (first === undefined) throw new Error('there is no authority');
    const { authority, linkPem } = await makeSuccessor(env, first);
    const bundle = authority.certificatePem + first.certificatePem;
    await writeAuthority(cluster.pki, { bundle, keyPem: authority.keyPem, succession: linkPem });
    const fetched = async (): Promise<string> =>
      (await cluster.server.send('GET', joinPaths.authority, { token: null })).body.ca as string;
    await until(async () => (await fetched()) === bundle, { what: 'the new authority to be offered' });
    // By a token of before, and a client that knows nothing else.
    const { keyPem, request } = await body(await cluster.token('server'));
    const after = await cluster.post<ServerJoinAnswer>(joinPaths.servers, request);
    expect(after).toMatchObject({
      ca: bundle,
      caKey: authority.keyPem,
      succession: linkPem,
      masterKey: before.masterKey,
      signingKey: before.signingKey,
    });
    expect(isPair({ certificatePem: after.certificate, keyPem })).toBe(true);
    expect(isSignedBy(after.certificate, authority.certificatePem)).toBe(true);
    expect(isBelieved(after.certificate, cluster.ca, Date.now())).toBe(true);
  });

  it('is refused by an agent token, and by a store without members', async () => {
    const cluster = await start();
    const { request } = await body(await cluster.token('agent'));
    await expect(cluster.post(joinPaths.servers, request)).rejects.toMatchObject({ status: 403 });
    const { request: other } = await body(await cluster.token('server'));
    await expect(cluster.post(joinPaths.servers, other)).rejects.toMatchObject({
      status: 409,
      message: expect.stringContaining("this cluster's store takes no members"),
    });
  });
});

describe('the server itself', () => {
  it('keeps its own certificates fresh, and says where it is', async () => {
    const cluster = await start({ certificateLifetimeMs: 3000, checkPeriodMs: 100, heartbeatMs: 100 });
    for (const name of ['peer', 'master-client']) {
      const first = await readIdentity(cluster.pki, name);
      const next = await until(
        async () => {
          const now = await readIdentity(cluster.pki, name);
          return now?.certificatePem === first?.certificatePem ? undefined : now;
        },
        { what: `a new ${name} certificate`, timeoutMs: 10_000 },
      );
      expect(isSignedBy(next.certificatePem, cluster.ca)).toBe(true);
      expect(next.keyPem).toBe(first?.keyPem);
    }
    const slices = await until(
      async () => {
        const { items } = await cluster.server.api.list(endpointSlices, { namespace: 'default' });
        return items.filter(({ metadata }) => metadata.name === 'kubernetes');
      },
      { what: 'the endpoints' },
    );
    expect(slices[0]?.endpoints[0]?.addresses).toEqual(['10.0.0.1']);
    const at = { namespace: 'default', name: 'kubernetes' };
    const { subsets } = await until(() => cluster.server.api.get(endpoints, at), { what: 'the Endpoints' });
    expect(subsets).toEqual([
      { addresses: [{ ip: '10.0.0.1' }], ports: [{ name: 'https', port: 6443, protocol: 'TCP' }] },
    ]);
  });
});
