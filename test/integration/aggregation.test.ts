/** The aggregation layer: an API of a server behind the API server, through real kubectl, and what attackers and broken servers try. */
import { createServer, type AddressInfo, type Server } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { describe, expect, it } from '@jest/globals';
import { configMaps } from '@timonel/sdk/kube';
import { aggregationBed, published, registrations } from '../support/aggregation-bed.ts';
import { eventually, serveCrd, versionOf } from '../support/crds.ts';
import { extensionKeys } from '../support/extension-server.ts';
import { RunningProgram } from '../support/running-program.ts';

const version = '/apis/wardle.example.com/v1alpha1';
const flunders = `${version}/namespaces/default/flunders`;
const bed = aggregationBed();
const { send, prints, makeService, makeEndpoints, register, condition, reasonIs, ports } = bed;

/** What the server behind was sent. */
async function echoed(headers: Record<string, string> = {}): Promise<{ url: string; of: (name: string) => string[] }> {
  const { status, body } = await send('GET', `${flunders}/echo?limit=1`, undefined, headers);
  expect(status).toBe(200);
  const raw = body.headers as string[];
  const of = (name: string): string[] =>
    raw.filter((_, index) => index % 2 === 1 && raw[index - 1]?.toLowerCase() === name.toLowerCase());
  return { url: body.url as string, of };
}

describe('an APIService with a service', () => {
  it('says what is missing until its server answers, and is discovered then', async () => {
    const name = await register('wardle.example.com', 'wardle');
    await reasonIs(name, 'ServiceNotFound');
    const refused = await send('GET', flunders);
    expect(refused.body).toMatchObject({ kind: 'Status', code: 503, reason: 'ServiceUnavailable' });
    expect(refused.body.message).toContain('service/wardle in "default" is not present');
    expect((await send('GET', '/apis')).text).not.toContain('wardle');
    await makeService('wardle');
    await reasonIs(name, 'EndpointsNotFound');
    await makeEndpoints('wardle');
    await reasonIs(name, 'Passed');
    expect(await condition(name)).toMatchObject({ status: 'True', message: 'all checks passed' });
    expect(await prints('get apiservice v1alpha1.wardle.example.com --no-headers')).toMatch(/default\/wardle\s+True/);
    expect((await send('GET', '/apis/wardle.example.com')).body).toMatchObject({
      preferredVersion: { groupVersion: 'wardle.example.com/v1alpha1' },
    });
    expect((await send('GET', version)).body.resources).toMatchObject([{ name: 'flunders', singularName: 'flunder' }]);
    expect(await prints('api-resources --api-group=wardle.example.com --no-headers')).toMatch(
      /flunders\s+fl\s+wardle.example.com\/v1alpha1\s+true\s+Flunder/,
    );
  });

  it('is described in OpenAPI by its server', async () => {
    const { body } = await send('GET', '/openapi/v3');
    const { serverRelativeURL } = body.paths['apis/wardle.example.com/v1alpha1'] as { serverRelativeURL: string };
    expect(serverRelativeURL).toMatch(/^\/openapi\/v3\/apis\/wardle.example.com\/v1alpha1\?hash=[0-9a-f]{64}$/);
    expect((await send('GET', serverRelativeURL)).body).toMatchObject({ info: { title: 'wardle' } });
  });

  it('is used by kubectl like any other kind', async () => {
    const object = { apiVersion: 'wardle.example.com/v1alpha1', kind: 'Flunder', metadata: { name: 'one' } };
    const watch = bed.cluster.server.watch(`${flunders}?watch=true`);
    expect(await prints('create -f -', JSON.stringify(object))).toBe('flunder.wardle.example.com/one created\n');
    expect(await prints('get fl -o name')).toBe('flunder.wardle.example.com/one\n');
    expect(await prints('get flunders one -o jsonpath={.metadata.uid}')).toMatch(/^uid-/);
    const watching = new RunningProgram(
      bed.cluster.tools.kubectl,
      ['get', 'flunders', '--watch', '--output-watch-events', '-o', 'name'],
      bed.cluster.env,
    );
    try {
      await eventually('the first object', () => expect(watching.output).toContain('flunder.wardle.example.com/one'));
      await send('POST', flunders, { ...object, metadata: { name: 'two' } });
      await eventually('the second', () => expect(watching.output).toContain('flunder.wardle.example.com/two'));
      await prints('delete flunder one');
      await eventually('the deletion', () => expect(watch.events.map(({ type }) => type)).toContain('DELETED'));
      expect(watch.events[0]).toMatchObject({ type: 'ADDED', object: { metadata: { name: 'one' } } });
    } finally {
      watch.stop();
      watching.child.kill('SIGKILL');
      await watching.ended;
    }
  });

  it('has protocols of its own, both ways', async () => {
    const { hostname, port } = new URL(bed.cluster.server.url);
    const socket = connectTls({ host: hostname, port: Number(port), rejectUnauthorized: false });
    let heard = '';
    socket.on('data', (chunk: Buffer) => (heard += chunk.toString()));
    const head = `GET ${flunders}/x HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${bed.cluster.server.token}\r\n`;
    socket.write(`${head}Connection: Upgrade\r\nUpgrade: echo\r\n\r\n`);
    await eventually('the switch', () => expect(heard).toContain('101 Switching Protocols'));
    socket.write('ping');
    await eventually('the echo', () => expect(heard).toMatch(/ping$/));
    socket.destroy();
  });
});

describe('who asks', () => {
  it('is told to the server by this one alone', async () => {
    const { of, url } = await echoed({
      'X-Remote-User': 'root',
      'X-Remote-Group': 'system:masters',
      'X-Remote-Extra-Scopes': 'all',
      X_Remote_User: 'root',
      'X-Remote-Uid': '0',
      Connection: 'X-Other, X-Remote-User, X-Remote-Group',
      'Impersonate-User': 'jäne',
      'Impersonate-Uid': 'u-1',
      'Impersonate-Group': 'system:masters',
      'Impersonate-Extra-Example.com%2Fscope': 'one',
    });
    expect(url).toBe(`${flunders}/echo?limit=1`);
    expect(of('X-Remote-User').map((value) => Buffer.from(value, 'latin1').toString())).toEqual(['jäne']);
    expect(of('X-Remote-Group')).toEqual(['system:masters', 'system:authenticated']);
    expect(of('X-Remote-Uid')).toEqual(['u-1']);
    expect(of('X-Remote-Extra-example.com%2Fscope')).toEqual(['one']);
    for (const name of ['Authorization', 'X_Remote_User', 'X-Remote-Extra-Scopes', 'Impersonate-User'])
      expect(of(name)).toEqual([]);
  });

  it('must be allowed to, and known', async () => {
    const jane = { 'Impersonate-User': 'jane' };
    expect(await send('GET', flunders, undefined, jane)).toMatchObject({ status: 403 });
    await prints('create clusterrole flunders --verb=get,list --resource=pods');
    const rules = [{ apiGroups: ['wardle.example.com'], resources: ['flunders'], verbs: ['list'] }];
    await prints(`patch clusterrole flunders --type=merge -p ${JSON.stringify({ rules })}`);
    await prints('create clusterrolebinding flunders --clusterrole=flunders --user=jane');
    await eventually('the right', async () =>
      expect(await send('GET', flunders, undefined, jane)).toMatchObject({ status: 200 }),
    );
    expect(await send('GET', `${flunders}/two`, undefined, jane)).toMatchObject({ status: 403 });
    expect(await send('GET', `${flunders}?watch=true`, undefined, jane)).toMatchObject({ status: 403 });
    expect(await bed.cluster.server.send('GET', flunders, { token: null })).toMatchObject({ status: 401 });
  });

  it('cannot say one path here and another there', async () => {
    for (const path of [
      `${flunders}/../../../secret/flunders`,
      `${flunders}/%2e%2e/echo`,
      `${flunders}//echo`,
      `${flunders}/a%2fb`,
      `${flunders}/echo#x`,
      `${version}/`.replace('wardle', 'wardle%2f'),
    ])
      expect([path, (await send('GET', path)).status]).toEqual([path, 404]);
  });
});

describe('a server that misbehaves', () => {
  it('cannot send clients elsewhere', async () => {
    const answer = await send('GET', `${flunders}/redirect`);
    expect(answer).toMatchObject({ status: 502, body: { kind: 'Status', status: 'Failure', code: 502 } });
    expect(answer.headers['location']).toBeUndefined();
  });

  it('is unavailable when it does not speak HTTP, or too much', async () => {
    for (const name of ['garbage', 'headers']) {
      const { body } = await send('GET', `${flunders}/${name}`);
      expect(body).toMatchObject({ kind: 'Status', code: 503, reason: 'ServiceUnavailable' });
      expect(body.message).toContain('error trying to reach service');
    }
  });

  it('is not believed with a certificate of somebody else', async () => {
    ports.set('strange', bed.extension.port);
    await makeService('strange');
    await makeEndpoints('strange');
    const strange = await register('strange.example.com', 'strange');
    await reasonIs(strange, 'FailedDiscoveryCheck');
    expect((await condition(strange)).message).toContain('https://strange.default.svc:443/apis/strange.example.com');
    expect((await condition(strange)).message).toContain("does not match certificate's altnames");
    const other = (await extensionKeys('wardle.default')).caBundle;
    await register('other.example.com', 'wardle', { caBundle: other });
    await reasonIs('v1alpha1.other.example.com', 'FailedDiscoveryCheck');
    expect((await condition('v1alpha1.other.example.com')).message).toContain('unable to verify');
    await register('any.example.com', 'strange', { caBundle: undefined, insecureSkipTLSVerify: true });
    await eventually('its answer', async () =>
      expect((await condition('v1alpha1.any.example.com')).message).toContain('bad status'),
    );
    expect((await send('GET', '/apis')).text).not.toContain('strange');
  });

  it('that takes connections and says nothing holds nobody up', async () => {
    const silent: Server = createServer((socket) => socket.on('error', () => undefined).resume());
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    try {
      ports.set('silent', (silent.address() as AddressInfo).port);
      await makeService('silent');
      await makeEndpoints('silent');
      const name = await register('silent.example.com', 'silent');
      expect(await send('GET', '/apis/silent.example.com/v1alpha1/things')).toMatchObject({ status: 503 });
      expect(await send('GET', `${flunders}/two`)).toMatchObject({ status: 200 });
      await send('DELETE', `${registrations}/${name}`);
      await eventually('it is forgotten', async () =>
        expect(await send('GET', '/apis/silent.example.com/v1alpha1/things')).toMatchObject({ status: 404 }),
      );
    } finally {
      silent.close();
    }
  });
});

describe('what is served here', () => {
  it('is taken over by nobody', async () => {
    // It is there from the start: whoever wants it must say that it is nobody's any more.
    const labels = { 'kube-aggregator.kubernetes.io/automanaged': null };
    const body = { metadata: { labels }, spec: { service: { namespace: 'default', name: 'wardle' } } };
    await eventually('the APIService of apps', async () => {
      const options = { body, type: 'application/merge-patch+json' };
      expect((await bed.cluster.server.send('PATCH', `${registrations}/v1.apps`, options)).status).toBe(200);
    });
    await register('metrics.k8s.io', 'wardle', {}, 'v1beta1');
    await register('kernel.timonel.dev', 'wardle', {}, 'v1');
    for (const name of ['v1.apps', 'v1beta1.metrics.k8s.io', 'v1.kernel.timonel.dev']) await reasonIs(name, 'Local');
    expect((await send('GET', '/apis/apps/v1/namespaces/default/deployments')).body).toMatchObject({
      kind: 'DeploymentList',
    });
    expect((await send('GET', '/apis/apps/v1/namespaces/default/flunders')).body).toMatchObject({ code: 404 });
    expect((await send('GET', '/apis/kernel.timonel.dev/v1/flunders/echo')).body).toMatchObject({ code: 404 });
    // Nobody offers a metric here, so that the group is free.
    const name = await register('external.metrics.k8s.io', 'wardle', {}, 'v1beta1');
    await reasonIs(name, 'FailedDiscoveryCheck');
    const metric = '/apis/external.metrics.k8s.io/v1beta1/namespaces/default/queue';
    expect((await send('GET', metric)).body).toMatchObject({ code: 503 });
  });

  it('goes before what others serve when it comes later', async () => {
    await serveCrd(bed.cluster.server, {
      group: 'wardle.example.com',
      plural: 'flunders',
      kind: 'Flunder',
      versions: [versionOf('v1alpha1', {})],
    });
    expect((await send('GET', flunders)).body.items).toEqual([]);
    expect((await send('GET', `${flunders}/echo`)).body).toMatchObject({ code: 404 });
    await send('DELETE', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/flunders.wardle.example.com');
    await eventually('the other one again', async () =>
      expect(await send('GET', `${flunders}/echo`)).toMatchObject({ status: 200 }),
    );
  });

  it('may share a group with it, each with versions of its own', async () => {
    const group = 'wardle.example.com';
    await serveCrd(bed.cluster.server, { group, plural: 'towers', kind: 'Tower', versions: [versionOf('v1', {})] });
    const sharing = async (): Promise<void> => {
      const { versions } = (await send('GET', `/apis/${group}`)).body as { versions: { version: string }[] };
      expect(versions.map((one) => one.version)).toEqual(['v1', 'v1alpha1']);
    };
    await eventually('both versions', sharing);
    expect(await prints(`api-resources --api-group=${group} --no-headers -o name`)).toBe(
      `flunders.${group}\ntowers.${group}\n`,
    );
    expect((await send('GET', '/apis')).body.groups).toContainEqual(expect.objectContaining({ name: group }));
    expect((await send('GET', version)).body.resources).toMatchObject([{ name: 'flunders' }]);
    expect(await prints('get towers,flunders -o name')).toContain('flunder.wardle.example.com/two');
    await send('DELETE', `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/towers.${group}`);
  });
});

describe('a server that goes away', () => {
  it('takes its group out of discovery, and nothing else with it', async () => {
    await bed.extension.stop();
    await eventually('the refusal', async () =>
      expect((await send('GET', flunders)).body).toMatchObject({ code: 503, reason: 'ServiceUnavailable' }),
    );
    await reasonIs('v1alpha1.wardle.example.com', 'FailedDiscoveryCheck');
    expect((await send('GET', '/apis')).text).not.toContain('wardle');
    expect((await send('GET', '/openapi/v3')).text).not.toContain('wardle');
    const maps = '/api/v1/namespaces/beside/configmaps';
    await prints('create namespace beside');
    const owner = (await send('POST', maps, { metadata: { name: 'owner' } })).body.metadata as { uid: string };
    const reference = { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: owner.uid };
    await send('POST', maps, { metadata: { name: 'owned', ownerReferences: [reference] } });
    await prints('delete configmap owner --namespace=beside');
    await eventually('garbage is collected', async () =>
      expect(await send('GET', `${maps}/owned`)).toMatchObject({ status: 404 }),
    );
    await prints('delete namespace beside');
    expect(await prints('get apiservice v1alpha1.wardle.example.com --no-headers')).toMatch(
      /False \(FailedDiscoveryCheck\)/,
    );
    await prints('delete apiservice v1alpha1.wardle.example.com');
    await eventually('it is forgotten', async () => expect(await send('GET', flunders)).toMatchObject({ status: 404 }));
  });
});

describe('whom servers believe', () => {
  it('is published for them', async () => {
    const { data = {} } = await bed.cluster.server.api.get(configMaps, published);
    expect(data).toMatchObject({
      'requestheader-allowed-names': '["front-proxy-client"]',
      'requestheader-username-headers': '["X-Remote-User"]',
      'requestheader-uid-headers': '["X-Remote-Uid"]',
      'requestheader-group-headers': '["X-Remote-Group"]',
      'requestheader-extra-headers-prefix': '["X-Remote-Extra-"]',
    });
    expect(data['client-ca-file']).toContain('BEGIN CERTIFICATE');
    // Who signs clients must not sign proxies: a client could be anybody then.
    expect(data['requestheader-client-ca-file']).not.toBe(data['client-ca-file']);
  });
});
