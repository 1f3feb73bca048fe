import { describe, expect, it } from '@jest/globals';
import type { Provider } from '@timonel/sdk';
import type { RouteRequest } from '@timonel/sdk/contracts/api-server';
import { whyLimitBytes, type Explainer, type Why } from '@timonel/sdk/contracts/why';
import { ApiError } from '@timonel/sdk/kube';
import { createRecordingLogger, manualEnv, settle } from '@timonel/testkit';
import { whyRoutes } from './routes.ts';

const pods = { group: '', resource: 'pods' };
const env = manualEnv();

function explainer(explain: Explainer['explain'], kinds = [pods]): Explainer {
  return { kinds: () => kinds, explain };
}

function why(code: string, more: Partial<Why> = {}): Why {
  const causes = code === '' ? [] : [{ component: 'c', code, text: code }];
  return {
    object: { ...pods, namespace: 'a', name: 'b', uid: 'u' },
    state: code,
    summary: code,
    causes,
    decisions: [],
    ...more,
  };
}

async function ask(explainers: readonly Explainer[], path: string, params: Record<string, string> = {}) {
  const all = explainers.map((service, at): Provider<Explainer> => ({ plugin: `p${at}`, service }));
  const log = createRecordingLogger();
  const route = whyRoutes(() => all, env, log).find((one) => one.path === `/apis/why.timonel.dev/v1${path}`);
  if (route === undefined) throw new Error(`there is no route ${path}`);
  try {
    const answer = await route.handle({ params } as unknown as RouteRequest);
    return { code: 200, body: (answer as { object: Record<string, unknown> }).object };
  } catch (error) {
    const { code, status } = error as ApiError;
    return { code, body: status as unknown as Record<string, unknown> };
  }
}

const ofNamespace = '/namespaces/:namespace/:resource/:name';
const pod = { namespace: 'a', resource: 'pods', name: 'b' };

describe('an explanation', () => {
  it('has kind, name and what the explainer said', async () => {
    const asked: unknown[] = [];
    const one = explainer(async (object) => {
      asked.push(object);
      return why('short');
    });
    const { code, body } = await ask([one], ofNamespace, { ...pod, name: 'b%2Fc' });
    expect(asked).toEqual([{ ...pods, namespace: 'a', name: 'b/c' }]);
    expect(code).toBe(200);
    expect(body).toMatchObject({
      kind: 'Why',
      apiVersion: 'why.timonel.dev/v1',
      metadata: { namespace: 'a', name: 'b', uid: 'u' },
      state: 'short',
      causes: [{ code: 'short' }],
    });
  });

  it('is about kinds of groups and without namespaces, too', async () => {
    const asked: unknown[] = [];
    const one = explainer(
      async (object) => {
        asked.push(object);
        return why('x');
      },
      [
        { group: 'apps', resource: 'deployments' },
        { group: '', resource: 'nodes' },
      ],
    );
    await ask([one], '/:resource/:name', { resource: 'nodes', name: 'n' });
    await ask([one], ofNamespace, { ...pod, resource: 'deployments.apps' });
    expect(asked).toEqual([
      { group: '', resource: 'nodes', name: 'n' },
      { group: 'apps', resource: 'deployments', namespace: 'a', name: 'b' },
    ]);
  });

  it('is that of all explainers: of the first with a cause, then of the others', async () => {
    const facts = ['a', 'b'].map((name) => ({ name, text: name }));
    const parts = [
      why('', { facts: facts.slice(0, 1) }),
      why('root', { cut: ['x: 1 more'] }),
      why('more', { facts: facts.slice(1) }),
    ];
    const { body } = await ask(
      parts.map((part) => explainer(async () => part)),
      ofNamespace,
      pod,
    );
    const causes = [{ code: 'root' }, { code: 'more' }];
    expect(body).toMatchObject({ state: 'root', causes, facts, cut: ['x: 1 more'] });
  });

  it('is kept short, whatever its length', async () => {
    for (let length = 200; length <= 1000; length += 4) {
      const text = 'x'.repeat(length);
      const causes = Array.from({ length: 24 }, (_, at) => ({ component: 'c', code: `c${at}`, text }));
      const { body } = await ask([explainer(async () => why('', { causes }))], ofNamespace, pod);
      expect(Buffer.byteLength(JSON.stringify(body))).toBeLessThanOrEqual(whyLimitBytes);
    }
    const causes = Array.from({ length: 500 }, (_, at) => ({ component: 'c', code: `c${at}`, text: 'x'.repeat(5000) }));
    const { body } = await ask([explainer(async () => why('', { causes }))], ofNamespace, pod);
    expect(Buffer.byteLength(JSON.stringify(body))).toBeLessThanOrEqual(whyLimitBytes);
    expect(body['cut']).not.toEqual([]);
  });
});

describe('what cannot be explained', () => {
  it('is an object that nobody knows', async () => {
    const { code, body } = await ask([explainer(async () => undefined)], ofNamespace, pod);
    expect({ code, body }).toMatchObject({
      code: 404,
      body: { message: 'pods "b" not found', details: { name: 'b', kind: 'pods' } },
    });
  });

  it('is a kind that nobody explains: those that can be are told', async () => {
    const { code, body } = await ask([explainer(async () => why('x'))], ofNamespace, { ...pod, resource: 'secrets' });
    expect(code).toBe(400);
    expect(body['message']).toBe('nobody explains "secrets"; these can: pods');
    const none = await ask([], ofNamespace, pod);
    expect(none.body['message']).toBe('nobody explains "pods"; nothing can at present');
  });

  it('is a path that is no text', async () => {
    expect(await ask([explainer(async () => why('x'))], ofNamespace, { ...pod, name: '%ff' })).toMatchObject({
      code: 400,
    });
  });
});

describe('an explainer that fails', () => {
  const broken = explainer(async () => {
    throw new Error('out of order');
  });

  it('is named beside what the others say', async () => {
    const { body } = await ask([broken, explainer(async () => why('root'))], ofNamespace, pod);
    expect(body).toMatchObject({ causes: [{ code: 'root' }, { code: 'explainer-failed', component: 'p0' }] });
  });

  it('is an error when nobody else answers', async () => {
    const { code, body } = await ask([broken], ofNamespace, pod);
    expect({ code, message: body['message'] }).toEqual({ code: 500, message: 'p0 could not explain it: out of order' });
  });

  it('has a limited time', async () => {
    const answer = ask([explainer(() => new Promise(() => undefined))], ofNamespace, pod);
    await settle();
    await env.advance(5000);
    expect(await answer).toMatchObject({
      code: 500,
      body: { message: 'p0 could not explain it: no answer within 5000 ms' },
    });
  });
});

it('refuses more than 16 questions at once, and takes them again', async () => {
  let release: (found: Why) => void = () => undefined;
  const gate = new Promise<Why>((resolve) => {
    release = resolve;
  });
  const service = explainer(() => gate);
  const routes = whyRoutes(() => [{ plugin: 'p', service }], env, createRecordingLogger());
  const route = routes.find(({ path }) => path.endsWith(ofNamespace));
  const once = async () => route?.handle({ params: pod } as unknown as RouteRequest);
  const asked = Array.from({ length: 16 }, once);
  await expect(once()).rejects.toMatchObject({ code: 429, status: { details: { retryAfterSeconds: 1 } } });
  release(why('x'));
  await Promise.all(asked);
  expect(await once()).toMatchObject({ status: 200 });
});

it('lists what can be explained, each kind once', async () => {
  const nodes = { group: '', resource: 'nodes' };
  const two = [explainer(async () => undefined, [pods, nodes]), explainer(async () => undefined)];
  const { body } = await ask(two, '');
  expect(body).toMatchObject({ kind: 'APIResourceList', resources: [{ name: 'nodes' }, { name: 'pods' }] });
});
