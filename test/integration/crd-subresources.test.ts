/** /status, /scale, columns and generation of custom resources; what becomes of them with their namespace. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import controllerCrd from '@timonel/plugin-controller-crd';
import controllerHpa from '@timonel/plugin-controller-horizontalpodautoscaler';
import controllerNamespace from '@timonel/plugin-controller-namespace';
import { startApiServer, type Answer, type TestApiServer } from '../support/api-server.ts';
import { crdOf, crdPath, eventually, serveCrd, versionOf, type Json } from '../support/crds.ts';

let server: TestApiServer;
const merge = 'application/merge-patch+json';
const open = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
const path = '/apis/parts.example.com/v1/namespaces/default/crontabs';
const scale = {
  specReplicasPath: '.spec.replicas',
  statusReplicasPath: '.status.replicas',
  labelSelectorPath: '.status.selector',
};
const columns = [
  { name: 'Replicas', type: 'integer', jsonPath: '.spec.replicas', description: 'How many.' },
  { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
  { name: 'First', type: 'string', jsonPath: '.spec.list[0]', priority: 1 },
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
];

beforeAll(async () => {
  server = await startApiServer({ plugins: [controllerCrd, controllerHpa, controllerNamespace] });
  const version = versionOf(
    'v1',
    { spec: open, status: open },
    {
      subresources: { status: {}, scale },
      additionalPrinterColumns: columns,
    },
  );
  await serveCrd(server, { group: 'parts.example.com', versions: [version] });
});
afterAll(async () => {
  await server.stop();
});

const patch = (name: string, body: Json): Promise<Answer> =>
  server.send('PATCH', `${path}/${name}`, { type: merge, body });

describe('a custom resource', () => {
  it('has a status that is written by /status alone, and a generation that counts its spec', async () => {
    const body = { metadata: { name: 'a' }, spec: { replicas: 1, list: ['x'] }, status: { replicas: 9 } };
    const created = await server.send('POST', path, { body });
    expect(created.body).not.toHaveProperty('status');
    expect((await patch('a', { status: { replicas: 9 } })).body).not.toHaveProperty('status');
    const written = await patch('a/status', { spec: { replicas: 5 }, status: { replicas: 2, selector: 'a=b' } });
    expect(written.body).toMatchObject({ metadata: { generation: 1 }, spec: { replicas: 1 }, status: { replicas: 2 } });
    expect((await server.send('GET', `${path}/a/status`)).body.status).toEqual({ replicas: 2, selector: 'a=b' });
    const changed = await patch('a', { spec: { replicas: 3 } });
    expect(changed.body).toMatchObject({ metadata: { generation: 2 }, status: { replicas: 2 } });
    expect((await patch('a', { metadata: { labels: { l: 'x' } } })).body.metadata.generation).toBe(2);
  });

  it('scales', async () => {
    const { body } = await server.send('GET', `${path}/a/scale`);
    expect(body).toMatchObject({
      kind: 'Scale',
      apiVersion: 'autoscaling/v1',
      spec: { replicas: 3 },
      status: { replicas: 2, selector: 'a=b' },
    });
    const scaled = await server.send('PUT', `${path}/a/scale`, { body: { ...body, spec: { replicas: 7 } } });
    expect(scaled.body.spec).toEqual({ replicas: 7 });
    expect((await server.send('GET', `${path}/a`)).body).toMatchObject({
      metadata: { generation: 3 },
      spec: { replicas: 7 },
    });
  });

  it('is scaled by an autoscaler', async () => {
    await server.send('POST', path, { body: { metadata: { name: 'auto' }, spec: { replicas: 1 } } });
    await patch('auto/status', { status: { replicas: 1, selector: 'app=none' } });
    const target = { apiVersion: 'parts.example.com/v1', kind: 'CronTab', name: 'auto' };
    const body = { metadata: { name: 'auto' }, spec: { minReplicas: 3, maxReplicas: 5, scaleTargetRef: target } };
    await server.send('POST', '/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers', { body });
    await eventually('the least number', async () => {
      expect((await server.send('GET', `${path}/auto`)).body.spec).toEqual({ replicas: 3 });
    });
  });

  it('shows its columns', async () => {
    await patch('a/status', {
      status: {
        conditions: [
          { type: 'Other', status: 'False' },
          { type: 'Ready', status: 'True' },
        ],
      },
    });
    const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
    const { body } = await server.send('GET', `${path}?fieldSelector=metadata.name%3Da`, { headers: { accept } });
    const definitions = body.columnDefinitions as { name: string; priority: number }[];
    expect(definitions.map(({ name, priority }) => [name, priority])).toEqual([
      ['Name', 0],
      ['Replicas', 0],
      ['Ready', 0],
      ['First', 1],
      ['Age', 0],
    ]);
    expect(body.rows[0].cells).toEqual(['a', 7, 'True', 'x', expect.stringMatching(/^\d+s$/)]);
  });

  it('without subresources has a status like any other field', async () => {
    await serveCrd(server, { group: 'whole.example.com', versions: [versionOf('v1', { status: open })] });
    const whole = '/apis/whole.example.com/v1/namespaces/default/crontabs';
    const created = await server.send('POST', whole, { body: { metadata: { name: 'a' }, status: { x: 1 } } });
    expect(created.body.status).toEqual({ x: 1 });
    expect((await server.send('GET', `${whole}/a/status`)).status).toBe(404);
    expect((await server.send('GET', `${whole}/a/scale`)).status).toBe(404);
    const changed = await server.send('PATCH', `${whole}/a`, { type: merge, body: { status: { x: 2 } } });
    expect(changed.body.metadata.generation).toBe(2);
  });

  it('owns items of lists with keys, one by one', async () => {
    const items = { type: 'object', required: ['k'], properties: { k: { type: 'string' }, v: { type: 'integer' } } };
    const list = { type: 'array', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['k'], items };
    await serveCrd(server, {
      group: 'lists.example.com',
      properties: { spec: { type: 'object', properties: { list } } },
    });
    const one = '/apis/lists.example.com/v1/namespaces/default/crontabs/a';
    const apply = (manager: string, ...wanted: Json[]): Promise<Answer> =>
      server.send('PATCH', `${one}?fieldManager=${manager}`, {
        type: 'application/apply-patch+yaml',
        body: { apiVersion: 'lists.example.com/v1', kind: 'CronTab', metadata: { name: 'a' }, spec: { list: wanted } },
      });
    await apply('x', { k: 'a', v: 1 });
    expect((await apply('y', { k: 'b', v: 2 })).body.spec.list).toEqual([
      { k: 'a', v: 1 },
      { k: 'b', v: 2 },
    ]);
    expect((await apply('y', { k: 'a', v: 3 })).body.details.causes).toMatchObject([
      { reason: 'FieldManagerConflict', field: '.spec.list[k="a"].v' },
    ]);
    expect((await apply('x')).body.spec.list).toEqual([{ k: 'b', v: 2 }]);
    const unknown = await apply('x', { k: 'a', odd: 1 });
    expect(unknown.body.message).toContain('field not declared in schema');
  });

  it('goes with its namespace', async () => {
    await server.send('POST', '/api/v1/namespaces', { body: { metadata: { name: 'short' } } });
    const inside = path.replace('/default/', '/short/');
    expect((await server.send('POST', inside, { body: { metadata: { name: 'a' } } })).status).toBe(201);
    await server.send('DELETE', '/api/v1/namespaces/short');
    await eventually('the namespace is gone', async () => {
      expect((await server.send('GET', '/api/v1/namespaces/short')).status).toBe(404);
    });
    expect((await server.send('GET', `${inside}/a`)).status).toBe(404);
  });

  it('has paths that lead somewhere', async () => {
    const refused = async (version: Json): Promise<string[]> => {
      const body = crdOf({ group: 'refused.example.com', versions: [versionOf('v1', { spec: open }, version)] });
      const answer = await server.send('POST', `${crdPath}?dryRun=All`, { body });
      return (answer.body.details.causes as { field: string; message: string }[]).map(
        ({ field, message }) => `${field.replace('spec.versions[0].', '')}: ${message}`,
      );
    };
    const wrong = { specReplicasPath: '.metadata.x', statusReplicasPath: '.status.a[0]', labelSelectorPath: '.x' };
    expect(await refused({ subresources: { scale: wrong } })).toEqual([
      'subresources.scale.specReplicasPath: Invalid value: ".metadata.x": should be a json path under .spec',
      'subresources.scale.statusReplicasPath: Invalid value: ".status.a[0]": should be a valid json path: array notation is not allowed',
      'subresources.scale.labelSelectorPath: Invalid value: ".x": should be a json path under either .spec or .status',
    ]);
    expect(await refused({ additionalPrinterColumns: [{ name: 'a', type: 'odd', jsonPath: '.spec[' }] })).toEqual([
      'additionalPrinterColumns[0].type: Unsupported value: "odd": supported values: "boolean", "date", "integer", "number", "string"',
      'additionalPrinterColumns[0].jsonPath: Invalid value: ".spec[": is an invalid path',
    ]);
    expect(await refused({ selectableFields: [{ jsonPath: '.spec.no' }] })).toEqual([
      'selectableFields[0].jsonPath: Invalid value: ".spec.no": does not refer to a valid field in the schema',
    ]);
  });
});
