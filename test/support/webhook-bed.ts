/** A server with admission webhooks, and a webhook over HTTPS that its configurations lead to. */
import { afterAll, afterEach, beforeAll, expect } from '@jest/globals';
import admissionWebhooks from '@timonel/plugin-admission-webhooks';
import controllerCrd from '@timonel/plugin-controller-crd';
import type { Answer } from './api-server.ts';
import { eventually, type Json } from './crds.ts';
import { startKubectlServer, type KubectlServer } from './kubectl-server.ts';
import { startWebhook, type WebhookServer } from './webhook-server.ts';

export interface Review {
  // oxlint-disable-next-line no-explicit-any
  readonly request: any;
}

export type WebhookType = 'validating' | 'mutating';

export interface WebhookBed {
  readonly cluster: KubectlServer;
  readonly webhook: WebhookServer;
  readonly send: (method: string, path: string, body?: unknown, type?: string) => Promise<Answer>;
  /** One webhook as configurations have it; asked about config maps unless `more` says otherwise. */
  readonly hook: (more?: Json) => Json;
  /** Makes a configuration that is in force when it returns, and goes with the test; answers its path. */
  readonly configure: (type: WebhookType, ...webhooks: Json[]) => Promise<string>;
  /** Waits until the present form of a configuration of `configure` is in force. */
  readonly settled: (path: string) => Promise<void>;
}

export const registration = '/apis/admissionregistration.k8s.io/v1';
export const configMaps = '/api/v1/namespaces/default/configmaps';
export const pathOf = (type: WebhookType): string => `${registration}/${type}webhookconfigurations`;
export const configMapRule: Json = {
  operations: ['*'],
  apiGroups: [''],
  apiVersions: ['v1'],
  resources: ['configmaps'],
};

/** An answer to a review; without more, that it may be. */
export function respond({ request }: Review, response: Json = {}): Json {
  const { uid } = request as { uid: string };
  return { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: { uid, allowed: true, ...response } };
}

export const deny = (review: Review, message: string): Json => respond(review, { allowed: false, status: { message } });

export function patch(review: Review, ...operations: Json[]): Json {
  const text = JSON.stringify(operations);
  return respond(review, { patchType: 'JSONPatch', patch: Buffer.from(text).toString('base64') });
}

/** For the tests of a file. */
export function webhookBed(): WebhookBed {
  const made: string[] = [];
  let count = 0;
  let cluster: KubectlServer;
  let webhook: WebhookServer;

  const send: WebhookBed['send'] = (method, path, body, type) =>
    cluster.server.send(method, path, {
      ...(body === undefined ? {} : { body }),
      ...(type === undefined ? {} : { type }),
    });

  const hook: WebhookBed['hook'] = (more = {}) => ({
    name: 'hook.example.com',
    clientConfig: webhook.clientConfig,
    rules: [configMapRule],
    sideEffects: 'None',
    admissionReviewVersions: ['v1'],
    ...more,
  });

  /** Whether a request that is meant for nobody but this configuration reaches its webhook, with the mark it has now. */
  async function reaches(path: string, mark: string): Promise<boolean> {
    const { answer } = webhook;
    let reached = false;
    webhook.answer = (body, response, request) => {
      const { object } = (body as Review).request;
      if (object?.metadata?.name !== 'probe') return answer(body, response, request);
      reached = true;
      return respond(body as Review);
    };
    const labels = { probe: path.split('/').at(-1) ?? '', mark };
    await send('POST', `${configMaps}?dryRun=All`, { metadata: { name: 'probe', labels } });
    webhook.answer = answer;
    return reached;
  }

  async function settled(path: string): Promise<void> {
    const mark = `m${(count += 1)}`;
    const value = { matchLabels: { probe: path.split('/').at(-1) ?? '', mark } };
    const { body } = await send('GET', path);
    const index = (body.webhooks as Json[]).findIndex(({ name }) => name === 'probe.example.com');
    const change = [{ op: 'replace', path: `/webhooks/${index}/objectSelector`, value }];
    expect(await send('PATCH', path, change, 'application/json-patch+json')).toMatchObject({ status: 200 });
    await eventually(`${path} is in force`, async () => expect(await reaches(path, mark)).toBe(true));
    webhook.bodies.length = 0;
  }

  async function configure(type: WebhookType, ...webhooks: Json[]): Promise<string> {
    const name = `hooks-${(count += 1)}`;
    const path = `${pathOf(type)}/${name}`;
    const unprobed = { matchExpressions: [{ key: 'probe', operator: 'DoesNotExist' }] };
    const all = webhooks.map((one, index) => hook({ name: `w${index}.example.com`, objectSelector: unprobed, ...one }));
    const probe = hook({ name: 'probe.example.com', objectSelector: { matchLabels: { probe: 'never' } } });
    const answer = await send('POST', pathOf(type), { metadata: { name }, webhooks: [...all, probe] });
    expect(answer).toMatchObject({ status: 201 });
    made.push(path);
    await settled(path);
    return path;
  }

  beforeAll(async () => {
    webhook = await startWebhook((body) => respond(body as Review));
    cluster = await startKubectlServer({ plugins: [controllerCrd, admissionWebhooks] });
  }, 300_000);
  afterEach(async () => {
    webhook.answer = (body) => respond(body as Review);
    for (const path of made.splice(0)) {
      const { body } = await send('GET', path);
      const selector = body.webhooks?.at(-1)?.objectSelector?.matchLabels;
      await send('DELETE', path);
      const mark = String(selector?.mark);
      await eventually(`${path} is gone`, async () => expect(await reaches(path, mark)).toBe(false));
    }
    webhook.bodies.length = 0;
  });
  afterAll(async () => {
    await cluster?.server.stop();
    await webhook?.stop();
  });

  return {
    get cluster() {
      return cluster;
    },
    get webhook() {
      return webhook;
    },
    send,
    hook,
    configure,
    settled,
  };
}
