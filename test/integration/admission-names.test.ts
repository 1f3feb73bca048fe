/** Webhooks are asked by the names under which objects are served, and about the objects that subresources write. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import admissionWebhooks from '@timonel/plugin-admission-webhooks';
import controllerCrd from '@timonel/plugin-controller-crd';
import { startApiServer, type Answer, type TestApiServer } from '../support/api-server.ts';
import { eventually, serveCrd, versionOf } from '../support/crds.ts';
import { startWebhook, type WebhookServer } from '../support/webhook-server.ts';

type Json = Record<string, unknown>;
type Rule = Readonly<Record<'apiGroups' | 'apiVersions' | 'resources', readonly string[]>>;

const registration = '/apis/admissionregistration.k8s.io/v1';
const merge = 'application/merge-patch+json';
const probe: Rule = { apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] };
let server: TestApiServer;
let webhook: WebhookServer;
let made: string | undefined;
let count = 0;

const respond = (body: unknown, more: Json = {}): Json => {
  const { uid } = (body as { request: { uid: string } }).request;
  return { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: { uid, allowed: true, ...more } };
};

async function isAsked(): Promise<boolean> {
  webhook.bodies.length = 0;
  await server.send('POST', '/api/v1/namespaces/default/configmaps?dryRun=All', { body: { metadata: { name: 'a' } } });
  return webhook.bodies.splice(0).length > 0;
}

/** In force once it is made; ends with the test. */
async function configure(type: 'mutating' | 'validating', rule: Rule, more: Json = {}): Promise<void> {
  const path = `${registration}/${type}webhookconfigurations`;
  const name = `names-${(count += 1)}`;
  const hook = {
    name: 'names.example.com',
    clientConfig: webhook.clientConfig,
    rules: [rule, probe].map((one) => ({ ...one, operations: ['*'] })),
    sideEffects: 'None',
    admissionReviewVersions: ['v1'],
    ...more,
  };
  expect(await server.send('POST', path, { body: { metadata: { name }, webhooks: [hook] } })).toMatchObject({
    status: 201,
  });
  made = `${path}/${name}`;
  await eventually('the webhook is asked', async () => expect(await isAsked()).toBe(true));
}

beforeAll(async () => {
  webhook = await startWebhook((body) => respond(body));
  server = await startApiServer({ plugins: [controllerCrd, admissionWebhooks] });
  const versions = [versionOf('v1', {}), versionOf('v1beta1', {}, { storage: false })];
  await serveCrd(server, { group: 'names.example.com', versions });
});
afterEach(async () => {
  webhook.answer = (body) => respond(body);
  await server.send('DELETE', made ?? '');
  await eventually('the webhook is gone', async () => expect(await isAsked()).toBe(false));
});
afterAll(async () => {
  await server.stop();
  await webhook.stop();
});

describe('a rule', () => {
  const crontabs = (version: string): Promise<Answer> =>
    server.send('POST', `/apis/names.example.com/${version}/namespaces/default/crontabs`, {
      body: { metadata: { generateName: 'a-' } },
    });
  const autoscaler = (version: string): Promise<Answer> =>
    server.send('POST', `/apis/autoscaling/${version}/namespaces/default/horizontalpodautoscalers`, {
      body: {
        metadata: { generateName: 'a-' },
        spec: { maxReplicas: 2, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' } },
      },
    });
  const named = (group: string, version: string, resource: string): Rule => ({
    apiGroups: [group],
    apiVersions: [version],
    resources: [resource],
  });
  /** Which versions that are asked for come to the webhook. */
  async function seen(ask: (version: string) => Promise<Answer>, ...versions: string[]): Promise<string[]> {
    const found: string[] = [];
    for (const version of versions) {
      webhook.bodies.length = 0;
      expect(await ask(version)).toMatchObject({ status: 201 });
      if (webhook.bodies.length > 0) found.push(version);
    }
    return found;
  }

  it('of one version means the same objects in all others', async () => {
    await configure('validating', named('names.example.com', 'v1', 'crontabs'));
    expect(await seen(crontabs, 'v1', 'v1beta1')).toEqual(['v1', 'v1beta1']);
    expect(webhook.bodies).toMatchObject([
      {
        request: {
          kind: { version: 'v1' },
          resource: { version: 'v1' },
          requestKind: { version: 'v1beta1' },
          requestResource: { version: 'v1beta1', resource: 'crontabs' },
          object: { apiVersion: 'names.example.com/v1' },
        },
      },
    ]);
  });

  it('that is to be taken exactly means its version alone', async () => {
    await configure('validating', named('names.example.com', 'v1', 'crontabs'), { matchPolicy: 'Exact' });
    expect(await seen(crontabs, 'v1', 'v1beta1')).toEqual(['v1']);
  });

  it('of a version that shows the objects of another means requests for either', async () => {
    await configure('validating', named('autoscaling', 'v1', 'horizontalpodautoscalers'));
    expect(await seen(autoscaler, 'v2', 'v1')).toEqual(['v2', 'v1']);
    const autoscaling = { group: 'autoscaling', version: 'v1' };
    expect(webhook.bodies).toMatchObject([
      {
        request: {
          kind: { ...autoscaling, kind: 'HorizontalPodAutoscaler' },
          requestKind: { ...autoscaling, kind: 'HorizontalPodAutoscaler' },
          requestResource: { ...autoscaling, resource: 'horizontalpodautoscalers' },
        },
      },
    ]);
  });

  it('of such a version that is to be taken exactly means requests for that one alone', async () => {
    await configure('validating', named('autoscaling', 'v1', 'horizontalpodautoscalers'), { matchPolicy: 'Exact' });
    expect(await seen(autoscaler, 'v2', 'v1')).toEqual(['v1']);
  });
});

describe('a write of a scale', () => {
  const deployments = '/apis/apps/v1/namespaces/default/deployments';
  const scaled = (name: string, replicas: number): Promise<Answer> =>
    server.send('PATCH', `${deployments}/${name}/scale`, { type: merge, body: { spec: { replicas } } });
  const apps = (...resources: string[]): Rule => ({ apiGroups: ['apps'], apiVersions: ['v1'], resources });

  beforeAll(async () => {
    const labels = { app: 'web' };
    const template = { metadata: { labels }, spec: { containers: [{ name: 'web', image: 'web:1' }] } };
    for (const name of ['seen', 'changed', 'unseen']) {
      const spec = { replicas: 1, selector: { matchLabels: labels }, template };
      const body = { metadata: { name }, spec };
      expect(await server.send('POST', deployments, { body })).toMatchObject({ status: 201 });
    }
  });

  it('is one of the Scale, as it is and as it was', async () => {
    await configure('validating', apps('deployments/scale'));
    expect(await scaled('seen', 3)).toMatchObject({ status: 200 });
    const kind = { group: 'autoscaling', version: 'v1', kind: 'Scale' };
    expect(webhook.bodies).toMatchObject([
      {
        request: {
          operation: 'UPDATE',
          kind,
          requestKind: kind,
          resource: { group: 'apps', version: 'v1', resource: 'deployments' },
          subResource: 'scale',
          object: { apiVersion: 'autoscaling/v1', kind: 'Scale', spec: { replicas: 3 } },
          oldObject: { kind: 'Scale', spec: { replicas: 1 } },
        },
      },
    ]);
    webhook.answer = (body) => respond(body, { allowed: false });
    expect((await scaled('seen', 5)).body.message).toContain('denied the request');
  });

  it('may be changed', async () => {
    await configure('mutating', apps('deployments/*'));
    const operations = [{ op: 'replace', path: '/spec/replicas', value: 4 }];
    const patch = Buffer.from(JSON.stringify(operations)).toString('base64');
    webhook.answer = (body) => respond(body, { patchType: 'JSONPatch', patch });
    expect((await scaled('changed', 3)).body.spec).toEqual({ replicas: 4 });
    expect((await server.send('GET', `${deployments}/changed`)).body.spec.replicas).toBe(4);
  });

  it('is none of the object', async () => {
    await configure('validating', apps('deployments'));
    expect(await scaled('unseen', 3)).toMatchObject({ status: 200 });
    expect(webhook.bodies).toEqual([]);
  });
});
