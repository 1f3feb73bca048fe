/** Server-side apply and the account of field managers, over HTTP. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { configMaps } from '@timonel/sdk/kube';
import { until } from '@timonel/testkit';
import { startApiServer, type Answer, type TestApiServer } from '../support/api-server.ts';

let server: TestApiServer;
const cm = '/api/v1/namespaces/default/configmaps';
const deploy = '/apis/apps/v1/namespaces/default/deployments';
const pods = '/api/v1/namespaces/default/pods';

beforeAll(async () => {
  server = await startApiServer();
});
afterAll(async () => {
  await server.stop();
});

type Json = Record<string, unknown>;

async function apply(path: string, manager: string, body: Json | string, query = ''): Promise<Answer> {
  const type = 'application/apply-patch+yaml';
  return server.send('PATCH', `${path}?fieldManager=${manager}${query}`, { type, body });
}

function configMap(name: string, data: Json | undefined, metadata: Json = {}): Json {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, ...metadata },
    ...(data === undefined ? {} : { data }),
  };
}

function deployment(name: string, spec: Json): Json {
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name }, spec };
}

const template = (...containers: Json[]): Json => ({
  selector: { matchLabels: { app: 'web' } },
  template: { metadata: { labels: { app: 'web' } }, spec: { containers } },
});

interface Entry {
  readonly manager: string;
  readonly operation: string;
  readonly fieldsV1: unknown;
  readonly time?: string;
  readonly subresource?: string;
}

function entries(answer: Answer): Entry[] {
  return answer.body.metadata.managedFields ?? [];
}

/** The fields of each manager. */
function owners(answer: Answer): Record<string, unknown> {
  return Object.fromEntries(
    entries(answer).map(({ manager, operation, subresource, fieldsV1 }) => [
      `${manager} ${operation}${subresource === undefined ? '' : ` ${subresource}`}`,
      fieldsV1,
    ]),
  );
}

describe('an apply', () => {
  it('creates what is absent, and changes nothing when it is said again', async () => {
    const created = await apply(`${cm}/one`, 'me', configMap('one', { a: '1' }, { labels: { x: 'y' } }));
    expect(created.status).toBe(201);
    expect(created.body.data).toEqual({ a: '1' });
    expect(entries(created)).toEqual([
      {
        manager: 'me',
        operation: 'Apply',
        apiVersion: 'v1',
        time: expect.stringMatching(/^\d{4}-.*Z$/),
        fieldsType: 'FieldsV1',
        fieldsV1: { 'f:data': { 'f:a': {} }, 'f:metadata': { 'f:labels': { 'f:x': {} } } },
      },
    ]);
    const again = await apply(`${cm}/one`, 'me', configMap('one', { a: '1' }, { labels: { x: 'y' } }));
    expect(again.status).toBe(200);
    expect(again.text).toBe(created.text);
    expect((await server.send('GET', `${cm}/one`)).text).toBe(created.text);
  });

  it('takes back what it leaves out, unless others own it', async () => {
    await apply(`${cm}/two`, 'a', configMap('two', { mine: '1', both: '2' }));
    await apply(`${cm}/two`, 'b', configMap('two', { both: '2', theirs: '3' }));
    const left = await apply(`${cm}/two`, 'a', configMap('two', { other: '4' }));
    expect(left.body.data).toEqual({ both: '2', theirs: '3', other: '4' });
    const gone = await apply(`${cm}/two`, 'b', configMap('two', undefined));
    expect(gone.body.data).toEqual({ other: '4' });
    expect(owners(gone)).toEqual({ 'a Apply': { 'f:data': { 'f:other': {} } } });
  });

  it('reads YAML, and refuses what cannot be owned', async () => {
    const yaml = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: yaml}\ndata: {a: x}\n';
    expect((await apply(`${cm}/yaml`, 'me', yaml)).status).toBe(201);
    const unknown = await apply(`${cm}/yaml`, 'me', { ...configMap('yaml', {}), extra: 1 }, '&fieldValidation=Ignore');
    expect(unknown.body).toMatchObject({ code: 400, reason: 'BadRequest' });
    expect(unknown.body.message).toBe(
      'failed to create typed patch object (/yaml; v1, Kind=ConfigMap): .extra: field not declared in schema',
    );
    const twice = deployment('twice', { ...template({ name: 'a', image: 'x' }, { name: 'a', image: 'y' }) });
    expect((await apply(`${deploy}/twice`, 'me', twice)).body.message).toContain(
      '.spec.template.spec.containers: duplicate entries for key [name="a"]',
    );
    const nameless = deployment('twice', { ...template({ image: 'x' }) });
    expect((await apply(`${deploy}/twice`, 'me', nameless)).body.message).toContain('omits key field "name"');
    const bodies = [
      '[]',
      '5',
      '{"kind":"ConfigMap"}',
      '{"apiVersion":"v1"}',
      'a: [',
      '{"apiVersion":"v1","apiVersion":"v1"}',
    ];
    for (const body of bodies) expect((await apply(`${cm}/yaml`, 'me', body)).body).toMatchObject({ code: 400 });
    const managed = configMap('yaml', {}, { managedFields: [{}] });
    expect((await apply(`${cm}/yaml`, 'me', managed)).body.message).toBe('metadata.managedFields must be nil');
  });

  it('needs a manager; force is for applies only', async () => {
    const type = 'application/apply-patch+yaml';
    const none = await server.send('PATCH', `${cm}/x`, { type, body: configMap('x', {}) });
    expect(none.body).toMatchObject({
      code: 422,
      reason: 'Invalid',
      message: 'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
    });
    const forced = await server.send('PATCH', `${cm}/x?force=true`, { type: 'application/merge-patch+json', body: {} });
    expect(forced.body).toMatchObject({ code: 422, details: { causes: [{ field: 'force' }] } });
    const long = await server.send('POST', `${cm}?fieldManager=${'x'.repeat(129)}`, { body: configMap('x', {}) });
    expect(long.body).toMatchObject({ code: 422, details: { kind: 'CreateOptions' } });
  });

  it('says who owns what it would change, and takes it when forced', async () => {
    const made = await server.send('POST', `${deploy}?fieldManager=maker`, {
      body: deployment('conflict', { replicas: 2, ...template({ name: 'main', image: 'nginx:1' }) }),
    });
    expect(made.status).toBe(201);
    const wanted = deployment('conflict', { replicas: 3 });
    const refused = await apply(`${deploy}/conflict`, 'me', wanted);
    expect(refused.body).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: 'Apply failed with 1 conflict: conflict with "maker" using apps/v1: .spec.replicas',
      reason: 'Conflict',
      details: {
        causes: [
          { reason: 'FieldManagerConflict', message: 'conflict with "maker" using apps/v1', field: '.spec.replicas' },
        ],
      },
      code: 409,
    });
    const both = deployment('conflict', { replicas: 3, ...template({ name: 'main', image: 'nginx:2' }) });
    expect((await apply(`${deploy}/conflict`, 'me', both)).body.message).toBe(
      'Apply failed with 2 conflicts: conflicts with "maker" using apps/v1:\n' +
        '- .spec.replicas\n- .spec.template.spec.containers[name="main"].image',
    );
    expect((await apply(`${deploy}/conflict`, 'me', deployment('conflict', { replicas: 2 }))).status).toBe(200);
    const forced = await apply(`${deploy}/conflict`, 'me', wanted, '&force=true');
    expect(forced.body.spec.replicas).toBe(3);
    expect(JSON.stringify(owners(forced)['maker Update'])).not.toContain('f:replicas');
    expect(owners(forced)['me Apply']).toEqual({ 'f:spec': { 'f:replicas': {} } });
    const left = await apply(`${deploy}/conflict`, 'me', deployment('conflict', {}));
    expect(left.body.spec.replicas).toBe(1); // nobody's now: the default
  });

  it('merges lists by their keys and keeps what others put there', async () => {
    const main = { name: 'main', image: 'nginx:1', env: [{ name: 'A', value: '1' }], ports: [{ containerPort: 80 }] };
    await apply(`${deploy}/lists`, 'app', deployment('lists', template(main)));
    const sidecar = { name: 'proxy', image: 'envoy:1' };
    const more = deployment('lists', {
      template: {
        spec: {
          containers: [
            sidecar,
            { name: 'main', env: [{ name: 'B', value: '2' }], ports: [{ containerPort: 80, protocol: 'UDP' }] },
          ],
        },
      },
    });
    const merged = await apply(`${deploy}/lists`, 'mesh', more);
    const names = (answer: Answer): string[] =>
      answer.body.spec.template.spec.containers.map(({ name }: Entry & { name: string }) => name);
    expect(names(merged).sort()).toEqual(['main', 'proxy']);
    const found = merged.body.spec.template.spec.containers.find(({ name }: { name: string }) => name === 'main');
    expect(found).toMatchObject({
      image: 'nginx:1',
      env: [
        { name: 'A', value: '1' },
        { name: 'B', value: '2' },
      ],
      ports: [
        { containerPort: 80, protocol: 'TCP' },
        { containerPort: 80, protocol: 'UDP' },
      ],
    });
    const updated = await apply(`${deploy}/lists`, 'app', deployment('lists', template({ ...main, env: [] })));
    const after = updated.body.spec.template.spec.containers.find(({ name }: { name: string }) => name === 'main');
    expect(after.env).toEqual([{ name: 'B', value: '2' }]);
    const without = await apply(`${deploy}/lists`, 'mesh', deployment('lists', {}));
    expect(names(without)).toEqual(['main']);
  });

  it('obeys dry runs, versions and uids', async () => {
    const dry = await apply(`${cm}/dry`, 'me', configMap('dry', { a: '1' }), '&dryRun=All');
    expect(dry.status).toBe(201);
    expect((await server.send('GET', `${cm}/dry`)).status).toBe(404);
    await apply(`${cm}/dry`, 'me', configMap('dry', { a: '1' }));
    const changed = await apply(`${cm}/dry`, 'me', configMap('dry', { a: '2' }), '&dryRun=All');
    expect(changed.body.data).toEqual({ a: '2' });
    expect((await server.send('GET', `${cm}/dry`)).body.data).toEqual({ a: '1' });
    const old = await apply(`${cm}/dry`, 'me', configMap('dry', { a: '3' }, { resourceVersion: '1' }));
    expect(old.body).toMatchObject({ code: 409, reason: 'Conflict' });
    const uid = await apply(`${cm}/none`, 'me', configMap('none', {}, { uid: 'b' }));
    expect(uid.body).toMatchObject({ code: 409, reason: 'Conflict' });
    expect((await apply(`${cm}/dry`, 'me', configMap('other', {}))).body).toMatchObject({ code: 400 });
  });

  it('of whatever it may be gets an answer', async () => {
    const json = fc.json({ maxDepth: 4 }).map((text) => JSON.parse(text) as unknown);
    const keys = fc.constantFrom('spec', 'data', 'metadata', 'status', '__proto__', 'kind', 'template', 'finalizers');
    const config = fc.dictionary(keys, fc.oneof(json, fc.dictionary(keys, json)));
    const paths = [`${cm}/fuzz`, `${deploy}/fuzz`, `${deploy}/fuzz/status`, `${deploy}/fuzz/scale`, `${pods}/fuzz`];
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...paths), config, async (path, parts) => {
        const kind = path.startsWith(cm) ? 'ConfigMap' : path.startsWith(pods) ? 'Pod' : 'Deployment';
        const apiVersion = kind === 'Deployment' ? 'apps/v1' : 'v1';
        const body = JSON.stringify({ apiVersion, kind, ...parts });
        const { status } = await apply(path, 'fuzz', body, '&force=true');
        expect({ body, fault: status >= 500 }).toEqual({ body, fault: false });
      }),
      { numRuns: 150 },
    );
  });

  it('of many at once loses nothing', async () => {
    const names = Array.from({ length: 12 }, (_, index) => `m${index}`);
    const answers = await Promise.all(
      names.map((name) => apply(`${cm}/many`, name, configMap('many', { [name]: 'x' }))),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(answers.every(({ status }) => status === 200 || status === 201)).toBe(true);
    const { body } = await server.send('GET', `${cm}/many`);
    expect(Object.keys(body.data).sort()).toEqual([...names].sort());
    expect(body.metadata.managedFields).toHaveLength(12);
  });
});

describe('status and scale', () => {
  it('are applied for themselves', async () => {
    await apply(`${deploy}/parts`, 'me', deployment('parts', { replicas: 1, ...template({ name: 'a', image: 'b' }) }));
    const status = { ...deployment('parts', { replicas: 9 }), status: { observedGeneration: 1, replicas: 1 } };
    const applied = await apply(`${deploy}/parts/status`, 'ctl', status);
    expect(applied.body).toMatchObject({ spec: { replicas: 1 }, status: { observedGeneration: 1, replicas: 1 } });
    expect(owners(applied)['ctl Apply status']).toEqual({
      'f:status': { 'f:observedGeneration': {}, 'f:replicas': {} },
    });
    const main = await apply(`${deploy}/parts`, 'other', { ...deployment('parts', {}), status: { replicas: 7 } });
    expect(main.body.status.replicas).toBe(1);
    const absent = { ...status, metadata: { name: 'absent' } };
    expect((await apply(`${deploy}/absent/status`, 'ctl', absent)).body).toMatchObject({ code: 404 });

    const scale = { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name: 'parts' }, spec: { replicas: 5 } };
    const refused = await apply(`${deploy}/parts/scale`, 'hpa', scale);
    expect(refused.body.message).toBe('Apply failed with 1 conflict: conflict with "me": .spec.replicas');
    const scaled = await apply(`${deploy}/parts/scale`, 'hpa', scale, '&force=true');
    expect(scaled.body).toMatchObject({ kind: 'Scale', spec: { replicas: 5 } });
    const after = await server.send('GET', `${deploy}/parts`);
    expect(owners(after)['hpa Apply scale']).toEqual({ 'f:spec': { 'f:replicas': {} } });
  });
});

describe('other writes', () => {
  it('own what they create and change, and take it from others', async () => {
    const headers = { 'user-agent': 'tool/v1.2 (linux)' };
    const created = await server.send('POST', cm, {
      headers,
      body: configMap('w', { a: '1', b: '2' }, { labels: { x: 'y' } }),
    });
    expect(owners(created)).toEqual({
      'tool Update': {
        'f:metadata': { 'f:labels': { '.': {}, 'f:x': {} } },
        'f:data': { '.': {}, 'f:a': {}, 'f:b': {} },
      },
    });
    const type = 'application/merge-patch+json';
    const patched = await server.send('PATCH', `${cm}/w?fieldManager=other`, {
      type,
      body: { data: { b: '3', c: '4' } },
    });
    expect(owners(patched)).toEqual({
      'tool Update': { 'f:metadata': { 'f:labels': { '.': {}, 'f:x': {} } }, 'f:data': { '.': {}, 'f:a': {} } },
      'other Update': { 'f:data': { 'f:b': {}, 'f:c': {} } },
    });
    const { managedFields: _none, ...metadata } = patched.body.metadata;
    const put = await server.send('PUT', `${cm}/w`, { headers, body: { ...patched.body, metadata, data: { a: '1' } } });
    expect(owners(put)).toEqual({
      'tool Update': { 'f:metadata': { 'f:labels': { '.': {}, 'f:x': {} } }, 'f:data': { '.': {}, 'f:a': {} } },
    });
  });

  it('keep the times of entries, and the version, when nothing changes', async () => {
    const created = await server.send('POST', cm, { body: configMap('same', { a: '1' }) });
    const again = await server.send('PUT', `${cm}/same?fieldManager=x`, { body: configMap('same', { a: '1' }) });
    expect(again.text).toBe(created.text);
  });

  it('of a status, of scale, and in this process have entries too', async () => {
    await server.send('POST', deploy, { body: deployment('d', template({ name: 'a', image: 'b' })) });
    const type = 'application/merge-patch+json';
    await server.send('PATCH', `${deploy}/d/scale?fieldManager=k`, { type, body: { spec: { replicas: 4 } } });
    const status = { status: { observedGeneration: 1 } };
    const answer = await server.send('PATCH', `${deploy}/d/status?fieldManager=ctl`, { type, body: status });
    expect(owners(answer)['k Update scale']).toEqual({ 'f:spec': { 'f:replicas': {} } });
    expect(owners(answer)['ctl Update status']).toEqual({ 'f:status': { 'f:observedGeneration': {} } });
    const name = { namespace: 'default', name: 'inside' };
    const object = await server.api.create(
      configMaps,
      { metadata: name, data: { a: 'b' } },
      { fieldManager: 'plugin' },
    );
    expect(object.metadata.managedFields).toMatchObject([{ manager: 'plugin', operation: 'Update' }]);
  });

  it('of a pod own its defaults, with keys of lists as Kubernetes writes them', async () => {
    const spec = { containers: [{ name: 'a', image: 'b', ports: [{ containerPort: 80 }] }] };
    const created = await server.send('POST', `${pods}?fieldManager=m`, { body: { metadata: { name: 'p' }, spec } });
    expect(created.status).toBe(201);
    const [entry] = entries(created);
    expect(entry?.fieldsV1).toMatchObject({
      'f:spec': {
        'f:restartPolicy': {},
        'f:containers': {
          'k:{"name":"a"}': {
            '.': {},
            'f:image': {},
            'f:name': {},
            'f:ports': {
              '.': {},
              'k:{"containerPort":80,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {}, 'f:protocol': {} },
            },
          },
        },
      },
    });
    expect(JSON.stringify(entry?.fieldsV1)).not.toContain('f:status');
  });

  it('reset the entries on demand: what is there belongs to one name then', async () => {
    for (const managedFields of [[], [{}]]) {
      await apply(`${cm}/reset`, 'me', configMap('reset', { a: '1', b: '2' }));
      const type = 'application/merge-patch+json';
      const reset = await server.send('PATCH', `${cm}/reset`, { type, body: { metadata: { managedFields } } });
      expect(reset.body.metadata.managedFields).toBeUndefined();
      const updated = await server.send('PATCH', `${cm}/reset`, { type, body: { data: { c: '3' } } });
      expect(updated.body.metadata.managedFields).toBeUndefined();
      const refused = await apply(`${cm}/reset`, 'me', configMap('reset', { a: '9' }));
      expect(refused.body.message).toBe(
        'Apply failed with 1 conflict: conflict with "before-first-apply" using v1: .data.a',
      );
      await server.send('DELETE', `${cm}/reset`);
    }
  });

  it('can rewrite the entries, but not lose them by what cannot be read', async () => {
    await apply(`${cm}/csa`, 'me', configMap('csa', { a: '1' }));
    const type = 'application/json-patch+json';
    const fieldsV1 = { 'f:data': { '.': {}, 'f:a': { '.': {} } } };
    const entry = {
      manager: 'new',
      operation: 'Apply',
      apiVersion: 'v1',
      time: '2020-01-02T03:04:05Z',
      fieldsType: 'FieldsV1',
    };
    const value = [{ ...entry, fieldsV1 }];
    const path = '/metadata/managedFields';
    const rewritten = await server.send('PATCH', `${cm}/csa`, { type, body: [{ op: 'replace', path, value }] });
    expect(entries(rewritten)).toEqual([{ ...entry, fieldsV1: { 'f:data': { '.': {}, 'f:a': {} } } }]);
    const broken = [{ ...entry, fieldsV1: { odd: {} } }];
    const kept = await server.send('PATCH', `${cm}/csa`, { type, body: [{ op: 'replace', path, value: broken }] });
    expect(kept.text).toBe(rewritten.text);
    const removed = await server.send('PATCH', `${cm}/csa`, { type, body: [{ op: 'remove', path: `${path}/0/time` }] });
    expect(removed.status).toBe(200);
  });

  it('of more than ten managers leave ten entries', async () => {
    // Within a second the order is that of the names.
    const names = Array.from({ length: 14 }, (_, index) => `m${String(index).padStart(2, '0')}`);
    await server.send('POST', `${cm}?fieldManager=m00`, { body: configMap('cap', { m00: 'x' }) });
    const type = 'application/merge-patch+json';
    for (const name of names.slice(1)) {
      await server.send('PATCH', `${cm}/cap?fieldManager=${name}`, { type, body: { data: { [name]: 'x' } } });
    }
    const answer = await server.send('GET', `${cm}/cap`);
    expect(entries(answer)).toHaveLength(10);
    const oldest = names.slice(0, 5).map((name) => [`f:${name}`, {}]);
    expect(owners(answer)['ancient-changes Update']).toEqual({
      'f:data': { '.': {}, ...Object.fromEntries(oldest) },
    });
  });

  it('show in watches', async () => {
    const watch = server.watch(`${cm}?watch=true&fieldSelector=metadata.name=one`);
    try {
      const { text } = await server.send('GET', `${cm}/one`);
      await until(() => watch.events.length > 0, { what: 'the first event' });
      expect(watch.events[0]?.object).toEqual(JSON.parse(text));
    } finally {
      watch.stop();
    }
  });
});

describe('the change of kubectl from client-side to server-side apply', () => {
  const annotation = 'kubectl.kubernetes.io/last-applied-configuration';

  it('takes what it applied itself without a conflict, and keeps the annotation', async () => {
    const applied = configMap('change', { a: '1', b: '2' }, { namespace: 'default', annotations: {} });
    const annotations = { [annotation]: `${JSON.stringify(applied)}\n` };
    const body = { ...applied, metadata: { name: 'change', annotations } };
    await server.send('POST', `${cm}?fieldManager=kubectl-client-side-apply`, { body });
    const foreign = await apply(`${cm}/change`, 'somebody', configMap('change', { a: '9' }));
    expect(foreign.body).toMatchObject({ code: 409 });
    const changed = await apply(`${cm}/change`, 'kubectl', configMap('change', { a: '9', b: '2' }));
    expect(changed.status).toBe(200);
    expect(JSON.parse(changed.body.metadata.annotations[annotation])).toMatchObject({ data: { a: '9', b: '2' } });
    const type = 'application/merge-patch+json';
    await server.send('PATCH', `${cm}/change?fieldManager=ctl`, { type, body: { data: { b: 'theirs' } } });
    const refused = await apply(`${cm}/change`, 'kubectl', configMap('change', { a: '9', b: '5' }));
    expect(refused.body.message).toBe('Apply failed with 1 conflict: conflict with "ctl" using v1: .data.b');
  });
});
