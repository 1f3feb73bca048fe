/** What clients find out about a server: groups, versions, resources, in both forms of discovery. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import controllerCrd from '@timonel/plugin-controller-crd';
import { startApiServer, type Answer, type TestApiServer } from '../support/api-server.ts';
import { eventually, serveCrd, type Json } from '../support/crds.ts';

interface Version {
  readonly groupVersion: string;
  readonly version: string;
}
interface Group {
  readonly name: string;
  readonly versions: readonly Version[];
  readonly preferredVersion: Version;
}
interface AggregatedResource {
  readonly resource: string;
  readonly scope: string;
  readonly responseKind: Json;
  readonly verbs: readonly string[];
  readonly subresources?: readonly { readonly subresource: string; readonly verbs: readonly string[] }[];
}
interface AggregatedGroup {
  readonly metadata: { readonly name?: string };
  readonly versions: readonly { readonly version: string; readonly resources: readonly AggregatedResource[] }[];
}

const aggregated = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
let server: TestApiServer;
beforeAll(async () => {
  server = await startApiServer({ plugins: [controllerCrd] });
});
afterAll(() => server.stop());

const get = (path: string, accept?: string): Promise<Answer> =>
  server.send('GET', path, accept === undefined ? {} : { headers: { accept } });
const groups = async (): Promise<readonly Group[]> => (await get('/apis')).body.groups;

async function aggregatedGroups(path: string): Promise<readonly AggregatedGroup[]> {
  const answer = await get(path, aggregated);
  expect(answer.headers['content-type']).toBe(aggregated);
  expect(answer.body).toMatchObject({ kind: 'APIGroupDiscoveryList', apiVersion: 'apidiscovery.k8s.io/v2' });
  return answer.body.items;
}

async function aggregatedResource(path: string, group: string, version: string, name: string): Promise<unknown> {
  const found = (await aggregatedGroups(path)).find(({ metadata }) => (metadata.name ?? '') === group);
  const resources = found?.versions.find((each) => each.version === version)?.resources;
  return resources?.find(({ resource }) => resource === name);
}

describe('api-machinery: discovery', () => {
  it('has a preferred version for each group, which is one of its versions', async () => {
    const all = await groups();
    expect(all.length).toBeGreaterThan(10);
    for (const { name, versions, preferredVersion } of all) {
      expect(versions).toContainEqual(preferredVersion);
      expect(preferredVersion.groupVersion).toBe(`${name}/${preferredVersion.version}`);
      expect((await get(`/apis/${name}`)).body).toMatchObject({ kind: 'APIGroup', name, versions, preferredVersion });
    }
  });

  it('has resources in each group and version', async () => {
    const named = (await groups()).flatMap(({ versions }) => versions.map(({ groupVersion }) => groupVersion));
    for (const groupVersion of ['v1', ...named]) {
      const { status, body } = await get(`${groupVersion === 'v1' ? '/api' : '/apis'}/${groupVersion}`);
      expect({ status, body }).toMatchObject({ status: 200, body: { kind: 'APIResourceList', groupVersion } });
      expect(body.resources.length).toBeGreaterThan(0);
      for (const resource of body.resources) {
        expect(resource).toMatchObject({ name: expect.any(String), kind: expect.any(String) });
        expect(resource.verbs.length).toBeGreaterThan(0);
      }
    }
  });

  it('tells the version of the server, with a major and a minor number', async () => {
    const { body } = await get('/version');
    expect(body).toMatchObject({ major: '1', minor: expect.stringMatching(/^\d+$/) });
    expect(body.gitVersion).toMatch(new RegExp(`^v1\\.${body.minor}\\.\\d+`));
  });

  it('is aggregated at /api for who asks for it', async () => {
    expect(await aggregatedResource('/api', '', 'v1', 'pods')).toMatchObject({
      scope: 'Namespaced',
      singularResource: 'pod',
      shortNames: ['po'],
      responseKind: { group: '', version: 'v1', kind: 'Pod' },
      verbs: expect.arrayContaining(['create', 'list', 'watch']),
      subresources: expect.arrayContaining([expect.objectContaining({ subresource: 'status' })]),
    });
    expect((await get('/api')).body).toMatchObject({ kind: 'APIVersions', versions: ['v1'] });
  });

  it('is aggregated at /apis, with the same groups, versions and resources as the other form', async () => {
    const long = (await groups()).map(({ name, versions }) => [name, versions.map(({ version }) => version)]);
    const short = await aggregatedGroups('/apis');
    expect(short.map(({ metadata, versions }) => [metadata.name, versions.map(({ version }) => version)])).toEqual(
      long,
    );
    for (const { metadata, versions } of short) {
      for (const { version, resources } of versions) {
        const { body } = await get(`/apis/${metadata.name}/${version}`);
        const names = resources.flatMap(({ resource, subresources = [] }) => [
          resource,
          ...subresources.map(({ subresource }) => `${resource}/${subresource}`),
        ]);
        const listed = body.resources.map(({ name }: { name: string }) => name);
        expect(names.toSorted()).toEqual(listed.toSorted());
      }
    }
  });

  it('is aggregated for clients that would also take other forms, in the order that they say', async () => {
    const beta = aggregated.replace('v2;', 'v2beta1;');
    expect((await get('/apis', `${aggregated},${beta},application/json`)).body.kind).toBe('APIGroupDiscoveryList');
    expect((await get('/apis', `application/json,${aggregated}`)).body.kind).toBe('APIGroupList');
    const unknown = aggregated.replace('v2;', 'v9;');
    expect((await get('/apis', `${unknown},application/json`)).body.kind).toBe('APIGroupList');
  });

  it('is aggregated with custom resources as they come and go', async () => {
    const group = 'discovered.example.com';
    await serveCrd(server, { group, version: { subresources: { status: {} } } });
    expect(await aggregatedResource('/apis', group, 'v1', 'crontabs')).toMatchObject({
      scope: 'Namespaced',
      responseKind: { group, version: 'v1', kind: 'CronTab' },
      subresources: [{ subresource: 'status' }],
    });
    await server.send('DELETE', `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/crontabs.${group}`);
    await eventually('it is gone', async () => {
      expect(await aggregatedResource('/apis', group, 'v1', 'crontabs')).toBeUndefined();
    });
  });
});
