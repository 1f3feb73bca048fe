/** The pod security standards, as the labels of namespaces ask for them. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import admissionPodSecurity from '@timonel/plugin-admission-podsecurity';
import { startApiServer, type Answer, type TestApiServer } from '../support/api-server.ts';
import { eventually } from '../support/crds.ts';

type Json = Record<string, unknown>;

const prefix = 'pod-security.kubernetes.io';
let server: TestApiServer;
let count = 0;

async function makeNamespace(labels: Record<string, string>): Promise<string> {
  const name = `ns-${(count += 1)}`;
  const given = Object.fromEntries(Object.entries(labels).map(([key, value]) => [`${prefix}/${key}`, value]));
  await server.send('POST', '/api/v1/namespaces', { body: { metadata: { name, labels: given } } });
  return name;
}

function podOf(spec: Json = {}, container: Json = {}): Json {
  return { metadata: { name: 'web' }, spec: { ...spec, containers: [{ name: 'web', image: 'web:1', ...container }] } };
}

const create = (namespace: string, body: Json): Promise<Answer> =>
  server.send('POST', `/api/v1/namespaces/${namespace}/pods?dryRun=All`, { body });

const hardened = {
  runAsNonRoot: true,
  allowPrivilegeEscalation: false,
  seccompProfile: { type: 'RuntimeDefault' },
  capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] },
};

beforeAll(async () => {
  server = await startApiServer({ plugins: [admissionPodSecurity] });
});
afterAll(async () => {
  await server.stop();
});

describe('pod security', () => {
  it('refuses nothing where no label asks for it', async () => {
    const privileged = podOf({ hostNetwork: true }, { securityContext: { privileged: true } });
    expect(await create(await makeNamespace({}), privileged)).toMatchObject({ status: 201 });
    expect(await create(await makeNamespace({ enforce: 'privileged' }), privileged)).toMatchObject({ status: 201 });
  });

  const forbidden: readonly (readonly [string, Json, Json])[] = [
    ['host namespaces (hostNetwork=true, hostPID=true)', { hostNetwork: true, hostPID: true }, {}],
    ['hostPath volumes (volume "v")', { volumes: [{ name: 'v', hostPath: { path: '/' } }] }, {}],
    ['hostPort (container "web" uses hostPort 80)', {}, { ports: [{ containerPort: 80, hostPort: 80 }] }],
    [
      'probe or lifecycle host (container "web" uses probe or lifecycle hosts "10.0.0.1", "metadata.example.com")',
      {},
      {
        livenessProbe: { httpGet: { port: 80, host: '10.0.0.1' } },
        readinessProbe: { tcpSocket: { port: 80, host: '' } },
        lifecycle: { preStop: { httpGet: { port: 80, host: 'metadata.example.com' } } },
      },
    ],
    [
      'privileged (container "web" must not set securityContext.privileged=true)',
      {},
      { securityContext: { privileged: true } },
    ],
    [
      'non-default capabilities (container "web" must not include "NET_ADMIN" in securityContext.capabilities.add)',
      {},
      { securityContext: { capabilities: { add: ['NET_ADMIN', 'CHOWN'] } } },
    ],
    [
      'seccompProfile (pod must not set securityContext.seccompProfile.type to "Unconfined")',
      { securityContext: { seccompProfile: { type: 'Unconfined' } } },
      {},
    ],
    [
      'forbidden sysctls (kernel.msgmax)',
      { securityContext: { sysctls: [{ name: 'kernel.msgmax', value: '1' }] } },
      {},
    ],
  ];

  it('refuses what baseline forbids, and nothing else', async () => {
    const namespace = await makeNamespace({ enforce: 'baseline' });
    expect(await create(namespace, podOf())).toMatchObject({ status: 201 });
    for (const [message, spec, container] of forbidden) {
      expect((await create(namespace, podOf(spec, container))).body).toMatchObject({
        code: 403,
        reason: 'Forbidden',
        message: `pods "web" is forbidden: violates PodSecurity "baseline:latest": ${message}`,
      });
    }
  });

  it('asks for hardened pods where the level is restricted', async () => {
    const namespace = await makeNamespace({ enforce: 'restricted', 'enforce-version': 'v1.35' });
    expect((await create(namespace, podOf())).body.message).toBe(
      'pods "web" is forbidden: violates PodSecurity "restricted:v1.35": ' +
        'allowPrivilegeEscalation != false (container "web" must set securityContext.allowPrivilegeEscalation=false), ' +
        'unrestricted capabilities (container "web" must set securityContext.capabilities.drop=["ALL"]), ' +
        'runAsNonRoot != true (pod or container "web" must set securityContext.runAsNonRoot=true), ' +
        'seccompProfile (pod or container "web" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
    );
    expect(await create(namespace, podOf({}, { securityContext: hardened }))).toMatchObject({ status: 201 });
    const root = await create(namespace, podOf({}, { securityContext: { ...hardened, runAsUser: 0 } }));
    expect(root.body.message).toContain('runAsUser=0 (container "web" must not set runAsUser=0)');
    const lax = { runAsNonRoot: false, seccompProfile: { type: 'Unconfined' } };
    const laxPod = await create(namespace, podOf({ securityContext: lax }, { securityContext: hardened }));
    expect(laxPod.body.message).toContain(
      'runAsNonRoot != true (pod must not set securityContext.runAsNonRoot=false), ' +
        'seccompProfile (pod must not set securityContext.seccompProfile.type to "Unconfined")',
    );
    const laxBoth = await create(
      namespace,
      podOf({ securityContext: lax }, { securityContext: { ...hardened, ...lax } }),
    );
    expect(laxBoth.body.message).toContain('(pod and container "web" must not set securityContext.runAsNonRoot=false)');
    const volumes = [{ name: 'v', nfs: { server: 'a', path: '/' } }];
    const volume = await create(namespace, podOf({ volumes }, { securityContext: hardened }));
    expect(volume.body.message).toContain('restricted volume types (volume "v" uses restricted volume type "nfs")');
  });

  it('warns about pods, and about those who would make them', async () => {
    const namespace = await makeNamespace({ warn: 'baseline', enforce: 'baseline' });
    const labels = { app: 'web' };
    const { metadata: _metadata, spec } = podOf({ hostIPC: true });
    const body = {
      metadata: { name: 'web' },
      spec: { selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
    };
    const path = `/apis/apps/v1/namespaces/${namespace}/deployments`;
    const made = await server.send('POST', path, { body });
    expect(made).toMatchObject({ status: 201 });
    expect(made.headers['warning']).toBe(
      String.raw`299 - "would violate PodSecurity \"baseline:latest\": host namespaces (hostIPC=true)"`,
    );
  });

  it('leaves pods alone that were there before, but for what is added to them', async () => {
    const namespace = await makeNamespace({});
    const path = `/api/v1/namespaces/${namespace}/pods`;
    expect(await server.send('POST', path, { body: podOf({ hostNetwork: true }) })).toMatchObject({ status: 201 });
    const merge = (where: string, body: Json, type = 'application/merge-patch+json'): Promise<Answer> =>
      server.send('PATCH', where, { type, body });
    await merge(`/api/v1/namespaces/${namespace}`, { metadata: { labels: { [`${prefix}/enforce`]: 'baseline' } } });
    await eventually('the label counts', async () => {
      expect(await create(namespace, podOf({ hostNetwork: true }))).toMatchObject({ status: 403 });
    });
    expect(await merge(`${path}/web`, { metadata: { labels: { a: 'b' } } })).toMatchObject({ status: 200 });
    const ephemeralContainers = [{ name: 'debug', image: 'debug:1' }];
    const strategic = 'application/strategic-merge-patch+json';
    const added = await merge(`${path}/web/ephemeralcontainers`, { spec: { ephemeralContainers } }, strategic);
    expect(added).toMatchObject({ status: 403 });
  });

  it('refuses labels that nobody understands, but those that are there already', async () => {
    const labels = { [`${prefix}/enforce`]: 'stern' };
    const body = { metadata: { name: 'stern', labels } };
    expect((await server.send('POST', '/api/v1/namespaces', { body })).body).toMatchObject({
      code: 422,
      message:
        'Namespace "stern" is invalid: metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "stern": must be one of privileged, baseline, restricted',
    });
    await server.kernel.control.disable('admission-podsecurity');
    expect((await server.send('POST', '/api/v1/namespaces', { body })).status).toBe(201);
    await server.kernel.control.enable('admission-podsecurity');
    const type = 'application/merge-patch+json';
    const path = '/api/v1/namespaces/stern';
    const another = { metadata: { labels: { a: 'b' } } };
    expect((await server.send('PATCH', path, { type, body: another })).status).toBe(200);
    expect((await create('stern', podOf())).body.message).toContain('violates PodSecurity "restricted:latest"');
    const worse = { metadata: { labels: { [`${prefix}/warn-version`]: 'newest' } } };
    expect((await server.send('PATCH', path, { type, body: worse })).status).toBe(422);
  });

  it('warns of pods that a new label would refuse, also when it is only tried', async () => {
    const namespace = await makeNamespace({});
    const make = (name: string, spec: Json): Promise<Answer> =>
      server.send('POST', `/api/v1/namespaces/${namespace}/pods`, {
        body: { ...podOf(spec), metadata: { name } },
      });
    for (const name of ['b', 'a', 'c']) await make(name, { hostNetwork: true });
    await make('proc', { hostPID: true, volumes: [{ name: 'v', hostPath: { path: '/proc' } }] });
    await make('fine', {});
    const label = async (given: Json): Promise<string | string[] | undefined> => {
      const labels = Object.fromEntries(Object.entries(given).map(([key, value]) => [`${prefix}/${key}`, value]));
      const options = { type: 'application/merge-patch+json', body: { metadata: { labels } } };
      return (await server.send('PATCH', `/api/v1/namespaces/${namespace}?dryRun=All`, options)).headers['warning'];
    };
    expect(await label({ warn: 'restricted', audit: 'restricted' })).toBeUndefined();
    expect(await label({ enforce: 'privileged' })).toBeUndefined();
    expect(await label({ enforce: 'baseline', 'enforce-version': 'v1.30' })).toBe(
      [
        String.raw`299 - "existing pods in namespace \"${namespace}\" violate the new PodSecurity enforce level \"baseline:v1.30\""`,
        '299 - "a (and 2 other pods): host namespaces"',
        '299 - "proc: host namespaces, hostPath volumes"',
      ].join(', '),
    );
  });

  it('looks at a pod again when it gets another image', async () => {
    const namespace = await makeNamespace({});
    const path = `/api/v1/namespaces/${namespace}/pods`;
    await server.send('POST', path, { body: podOf({ hostNetwork: true }) });
    const type = 'application/strategic-merge-patch+json';
    const labels = { [`${prefix}/enforce`]: 'baseline' };
    await server.send('PATCH', `/api/v1/namespaces/${namespace}`, { type, body: { metadata: { labels } } });
    const image = { spec: { containers: [{ name: 'web', image: 'web:2' }] } };
    await eventually('the label counts', async () => {
      expect(await server.send('PATCH', `${path}/web`, { type, body: image })).toMatchObject({ status: 403 });
    });
  });
});

describe('pod security by configuration', () => {
  it('has defaults for namespaces without labels, and asks some nothing', async () => {
    const config = {
      defaults: { enforce: 'baseline', enforceVersion: 'v1.30' },
      exemptions: { namespaces: ['kube-system'], usernames: ['trusted'], runtimeClasses: ['sandbox'] },
    };
    const own = await startApiServer({
      plugins: [admissionPodSecurity],
      config: { 'admission-podsecurity': config },
    });
    try {
      const pods = (namespace: string, body: Json, headers: Record<string, string> = {}): Promise<Answer> =>
        own.send('POST', `/api/v1/namespaces/${namespace}/pods?dryRun=All`, { body, headers });
      const host = { hostNetwork: true };
      expect((await pods('default', podOf(host))).body.message).toContain('violates PodSecurity "baseline:v1.30"');
      expect((await pods('kube-system', podOf(host))).status).toBe(201);
      expect((await pods('default', podOf({ ...host, runtimeClassName: 'sandbox' }))).status).toBe(201);
      const trusted = { 'impersonate-user': 'trusted', 'impersonate-group': 'system:masters' };
      expect((await pods('default', podOf(host), trusted)).status).toBe(201);
      const labels = { [`${prefix}/enforce`]: 'privileged' };
      const made = await own.send('POST', '/api/v1/namespaces', { body: { metadata: { name: 'open', labels } } });
      expect(made.status).toBe(201);
      expect((await pods('open', podOf(host))).status).toBe(201);
      const open = '/api/v1/namespaces/open';
      for (const [name, more] of Object.entries({ plain: {}, boxed: { runtimeClassName: 'sandbox' } })) {
        const body = { ...podOf({ ...host, ...more }), metadata: { name } };
        expect((await own.send('POST', `${open}/pods`, { body })).status).toBe(201);
      }
      const body = { metadata: { labels: { [`${prefix}/enforce`]: 'baseline' } } };
      const labelled = await own.send('PATCH', open, { type: 'application/merge-patch+json', body });
      expect(labelled.headers['warning']).toContain('299 - "plain: host namespaces"');
    } finally {
      await own.stop();
    }
  });
});
