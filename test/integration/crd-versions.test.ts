/** Kinds with several versions: by name alone, and by a webhook whose answers are not trusted. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import controllerCrd from '@timonel/plugin-controller-crd';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';
import { crdOf, crdPath, eventually, serveCrd, versionOf, type Json } from '../support/crds.ts';
import { startWebhook, type WebhookServer } from '../support/webhook-server.ts';

let server: TestApiServer;
let webhook: WebhookServer;
const merge = 'application/merge-patch+json';
const anything = { spec: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };

interface Review {
  readonly request: {
    readonly uid: string;
    readonly desiredAPIVersion: string;
    readonly objects: readonly Converted[];
  };
}
interface Converted {
  readonly apiVersion: string;
  readonly metadata: Json;
  readonly spec: Json;
}

/** v1 has `host` and `port`, v2 has `address`. */
function convert(object: Converted, apiVersion: string): Converted {
  const { spec } = object;
  if (apiVersion.endsWith('/v2'))
    return { ...object, apiVersion, spec: { address: `${String(spec['host'])}:${String(spec['port'])}` } };
  const [host, port] = String(spec['address']).split(':');
  return { ...object, apiVersion, spec: { host, port } };
}

function reviewOf(
  { request }: Review,
  convertedObjects: unknown = request.objects.map((one) => convert(one, request.desiredAPIVersion)),
): Json {
  const response = { uid: request.uid, result: { status: 'Success' }, convertedObjects };
  return { apiVersion: 'apiextensions.k8s.io/v1', kind: 'ConversionReview', response };
}

const converting: WebhookServer['answer'] = (body) => reviewOf(body as Review);

beforeAll(async () => {
  webhook = await startWebhook(converting);
  server = await startApiServer({ plugins: [controllerCrd] });
});
afterAll(async () => {
  await server.stop();
  await webhook.stop();
});

const text = { type: 'string' };
const fields = (...names: string[]): Json => ({
  spec: { type: 'object', properties: Object.fromEntries(names.map((name) => [name, text])) },
});

describe('versions that differ in name alone', () => {
  const paths = ['v1', 'v2'].map((version) => `/apis/names.example.com/${version}/namespaces/default/crontabs`);
  const [v1 = '', v2 = ''] = paths;
  const versions = (stored: string, ...served: string[]): Json[] =>
    ['v1', 'v2'].map((name) => versionOf(name, anything, { storage: name === stored, served: served.includes(name) }));
  const change = (versionsNow: Json[]): Promise<unknown> =>
    server.send('PATCH', `${crdPath}/crontabs.names.example.com`, {
      type: merge,
      body: { spec: { versions: versionsNow } },
    });

  it('are one object, stored in the version of the moment', async () => {
    await serveCrd(server, { group: 'names.example.com', versions: versions('v1', 'v1', 'v2') });
    const created = await server.send('POST', v2, { body: { metadata: { name: 'a' }, spec: { x: 1 } } });
    expect(created.body.apiVersion).toBe('names.example.com/v2');
    const one = await server.send('GET', `${v1}/a`);
    expect(one.body).toMatchObject({ apiVersion: 'names.example.com/v1', spec: { x: 1 } });
    expect(one.body.metadata.resourceVersion).toBe(created.body.metadata.resourceVersion);
    await change(versions('v2', 'v1', 'v2'));
    const crd = await server.send('GET', `${crdPath}/crontabs.names.example.com`);
    expect(crd.body.status.storedVersions).toEqual(['v1', 'v2']);
    // A write that changes nothing writes it anew, in the version that is stored now.
    const touched = await server.send('PUT', `${v1}/a`, { body: one.body });
    expect(Number(touched.body.metadata.resourceVersion)).toBeGreaterThan(Number(one.body.metadata.resourceVersion));
    const again = await server.send('PUT', `${v1}/a`, { body: touched.body });
    expect(again.body.metadata.resourceVersion).toBe(touched.body.metadata.resourceVersion);
  });

  it('are served as the definition says, and stay as long as objects may be stored in them', async () => {
    const watch = server.watch(`${v1}?watch=1`);
    await change(versions('v2', 'v2'));
    await eventually('v1 is gone', async () => expect((await server.send('GET', v1)).status).toBe(404));
    await watch.ended;
    const [version] = versions('v2', 'v2').slice(1);
    const body = { spec: { versions: [version] } };
    const refused = await server.send('PATCH', `${crdPath}/crontabs.names.example.com`, { type: merge, body });
    expect(refused.body.message).toContain('status.storedVersions[0]: Invalid value: "v1": missing from spec.versions');
    const status = { status: { storedVersions: ['v2'] } };
    await server.send('PATCH', `${crdPath}/crontabs.names.example.com/status`, { type: merge, body: status });
    expect((await server.send('PATCH', `${crdPath}/crontabs.names.example.com`, { type: merge, body })).status).toBe(
      200,
    );
    expect((await server.send('GET', `${v2}/a`)).body.spec).toEqual({ x: 1 });
  });
});

describe('versions that a webhook converts', () => {
  const [v1 = '', v2 = ''] = ['v1', 'v2'].map((name) => `/apis/hooks.example.com/${name}/namespaces/default/crontabs`);
  const conversion = (clientConfig: Json): Json => ({
    conversion: { strategy: 'Webhook', webhook: { clientConfig, conversionReviewVersions: ['v1'] } },
  });
  const versions = [
    versionOf('v1', fields('host', 'port'), { storage: true, selectableFields: [{ jsonPath: '.spec.host' }] }),
    versionOf('v2', fields('address'), { storage: false, selectableFields: [{ jsonPath: '.spec.address' }] }),
  ];
  const spec = { host: 'h', port: '1' };

  beforeAll(async () => {
    await serveCrd(server, { group: 'hooks.example.com', versions, spec: conversion(webhook.clientConfig) });
    await server.send('POST', v1, { body: { metadata: { name: 'a', labels: { l: 'x' } }, spec } });
  });

  it('are read, listed and watched in either', async () => {
    expect((await server.send('GET', `${v2}/a`)).body).toMatchObject({
      apiVersion: 'hooks.example.com/v2',
      metadata: { name: 'a', labels: { l: 'x' } },
      spec: { address: 'h:1' },
    });
    const watch = server.watch(`${v2}?watch=1`);
    const created = await server.send('POST', v2, { body: { metadata: { name: 'b' }, spec: { address: 'k:2' } } });
    expect(created).toMatchObject({ status: 201, body: { spec: { address: 'k:2' } } });
    const list = (await server.send('GET', v1)).body.items as Converted[];
    expect(list.map((item) => [item.apiVersion, item.spec])).toEqual([
      ['hooks.example.com/v1', spec],
      ['hooks.example.com/v1', { host: 'k', port: '2' }],
    ]);
    await server.send('PATCH', `${v1}/b`, { type: merge, body: { spec: { port: '3' } } });
    await server.send('DELETE', `${v1}/b`);
    await eventually('four events', () => expect(watch.events).toHaveLength(4));
    watch.stop();
    expect(watch.events.map(({ type, object }) => [type, object.spec.address as unknown])).toEqual([
      ['ADDED', 'h:1'],
      ['ADDED', 'k:2'],
      ['MODIFIED', 'k:3'],
      ['DELETED', 'k:3'],
    ]);
  });

  it('are selected by the fields of the version that is asked for', async () => {
    const names = async (path: string): Promise<unknown> =>
      ((await server.send('GET', path)).body.items as Converted[]).map(({ metadata }) => metadata['name']);
    expect(await names(`${v2}?fieldSelector=spec.address%3Dh:1`)).toEqual(['a']);
    expect(await names(`${v2}?fieldSelector=spec.address%3Dh:2`)).toEqual([]);
    expect(await names(`${v1}?fieldSelector=spec.host%3Dh`)).toEqual(['a']);
    expect((await server.send('GET', `${v1}?fieldSelector=spec.port%3D1`)).body.message).toBe(
      'field label not supported: spec.port',
    );
    const watch = server.watch(`${v2}?watch=1&fieldSelector=spec.address%3Dh:9`);
    await server.send('PATCH', `${v1}/a`, { type: merge, body: { spec: { port: '9' } } });
    await server.send('PATCH', `${v1}/a`, { type: merge, body: { spec: { port: '1' } } });
    await eventually('it comes and goes', () => expect(watch.events).toHaveLength(2));
    watch.stop();
    expect(watch.events.map(({ type }) => type)).toEqual(['ADDED', 'DELETED']);
  });

  describe('and whose webhook is', () => {
    const one = ({ request }: Review): Converted => {
      const [object] = request.objects;
      if (object === undefined) throw new Error('no object');
      return convert(object, request.desiredAPIVersion);
    };
    it.each<[string, WebhookServer['answer'], string]>([
      ['garbled', () => '<html>', 'the answer is no JSON'],
      [
        'of another uid',
        (body) => reviewOf({ request: { ...(body as Review).request, uid: 'x' } }),
        'expected response.uid=',
      ],
      ['short of an object', (body) => reviewOf(body as Review, []), 'returned 0 objects, expected 1'],
      [
        'unwilling',
        ({ request }) => ({
          ...reviewOf({ request }),
          response: { uid: request.uid as string, result: { status: 'Failure', message: 'no way' } },
        }),
        'failed: no way',
      ],
      [
        'of another version',
        (body) => reviewOf(body as Review, [{ ...one(body as Review), apiVersion: 'hooks.example.com/v3' }]),
        'invalid groupVersion (received hooks.example.com/v3 but expected hooks.example.com/v2)',
      ],
      [
        'one that renames',
        (body) =>
          reviewOf(body as Review, [
            { ...one(body as Review), metadata: { ...one(body as Review).metadata, name: 'z' } },
          ]),
        'must have the same name: z != a',
      ],
      [
        'elsewhere',
        (_, response) => void response.writeHead(302, { location: 'https://example.com/' }).end(),
        'status 302',
      ],
      ['broken', (_, response) => void response.writeHead(500).end(), 'status 500'],
      ['too deep', () => `${'['.repeat(600)}${']'.repeat(600)}`, 'nested deeper than 500 levels'],
    ])('%s is not believed', async (_what, answer, message) => {
      // Only what was not converted before is asked for.
      await server.send('PATCH', `${v1}/a`, { type: merge, body: { metadata: { annotations: { at: message } } } });
      webhook.answer = answer;
      const { body } = await server.send('GET', `${v2}/a`);
      webhook.answer = converting;
      expect(body).toMatchObject({ code: 500, reason: 'InternalError' });
      expect(body.message).toMatch(/conversion webhook for hooks\.example\.com\/v1, Kind=CronTab failed: /);
      expect(body.message).toContain(message);
    });

    it('one that may not change all metadata changes labels and annotations alone', async () => {
      webhook.answer = (body) => {
        const object = one(body as Review);
        const metadata = { ...object.metadata, labels: { l: 'y' }, finalizers: ['example.com/x'], generation: 99 };
        return reviewOf(body as Review, [{ ...object, metadata }]);
      };
      await server.send('PATCH', `${v1}/a`, { type: merge, body: { metadata: { annotations: { at: 'now' } } } });
      const { body } = await server.send('GET', `${v2}/a`);
      webhook.answer = converting;
      expect(body.metadata.labels).toEqual({ l: 'y' });
      expect(body.metadata.finalizers).toBeUndefined();
      expect(body.metadata.generation).toBeLessThan(99);
    });

    it('of a stranger is not asked', async () => {
      const other = await startWebhook(converting);
      const change = conversion({ url: webhook.url, caBundle: other.caBundle });
      await server.send('PATCH', `${crdPath}/crontabs.hooks.example.com`, { type: merge, body: { spec: change } });
      await other.stop();
      await eventually('the other authority counts', async () => {
        await server.send('PATCH', `${v1}/a`, { type: merge, body: { metadata: { annotations: { at: 'then' } } } });
        const { body } = await server.send('GET', `${v2}/a`);
        expect(body.message).toContain('x509: certificate signed by unknown authority');
      });
    });
  });

  it('are refused where the definition does not say how', async () => {
    const refused = async (spec: Json): Promise<string> => {
      const body = crdOf({ group: 'refused.example.com', versions, spec });
      return (await server.send('POST', `${crdPath}?dryRun=All`, { body })).body.message as string;
    };
    expect(await refused({ conversion: { strategy: 'Webhook' } })).toContain(
      'spec.conversion.webhook.clientConfig: Required value: required when strategy is set to Webhook',
    );
    expect(await refused(conversion({ url: 'http://example.com' }))).toContain(
      "'https' is the only allowed URL scheme",
    );
    const old = {
      strategy: 'Webhook',
      webhook: { clientConfig: webhook.clientConfig, conversionReviewVersions: ['v0'] },
    };
    expect(await refused({ conversion: old })).toContain('must include at least one of v1, v1beta1');
  });
});
