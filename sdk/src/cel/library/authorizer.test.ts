import { expect, it } from '@jest/globals';
import { compiled } from '../testing/evaluated.ts';
import type { CelAuthorizerDecision, CelAuthorizerQuestion } from '../values/authorizer.ts';
import { authorizerType, celAuthorizer, celResourceCheck, resourceCheckType } from './authorizer.ts';

const environment = { variables: { authorizer: authorizerType, 'authorizer.requestResource': resourceCheckType } };

type Answer = CelAuthorizerDecision | Promise<CelAuthorizerDecision>;

/** The variables, and the questions that were asked. */
function host(decide: (question: CelAuthorizerQuestion) => Answer): {
  asked: CelAuthorizerQuestion[];
  variables: Record<string, unknown>;
} {
  const asked: CelAuthorizerQuestion[] = [];
  const authorizer = {
    decide: (question: CelAuthorizerQuestion): Answer => {
      asked.push(question);
      return decide(question);
    },
  };
  const resource = { group: 'apps', resource: 'deployments', namespace: 'shop', name: 'web' };
  return {
    asked,
    variables: {
      authorizer: celAuthorizer(authorizer),
      'authorizer.requestResource': celResourceCheck(authorizer, resource),
    },
  };
}

it('asks about resources, paths and service accounts', () => {
  const { asked, variables } = host(({ verb }) => ({ allowed: verb === 'get', reason: 'rule' }));
  const value = (expression: string): unknown => {
    const outcome = compiled(expression, environment).evaluate(variables);
    return outcome.ok ? outcome.value : outcome.message;
  };
  const pods = "authorizer.group('').resource('pods').subresource('log').namespace('a').name('b')";
  expect(value(`${pods}.check('get').allowed()`)).toBe(true);
  expect(value("authorizer.path('/healthz').check('put').allowed()")).toBe(false);
  expect(value("authorizer.serviceAccount('ns', 'sa').group('apps').resource('x').check('get').reason()")).toBe('rule');
  expect(value("authorizer.requestResource.check('get').allowed()")).toBe(true);
  expect(
    value("authorizer.group('').resource('x').fieldSelector('a=b').labelSelector('c').check('get').errored()"),
  ).toBe(false);
  expect(value("authorizer.path('')")).toBe('path must not be empty');
  expect(asked).toEqual([
    { verb: 'get', group: '', resource: 'pods', subresource: 'log', namespace: 'a', name: 'b' },
    { verb: 'put', path: '/healthz' },
    { verb: 'get', group: 'apps', resource: 'x', serviceAccount: { namespace: 'ns', name: 'sa' } },
    { verb: 'get', group: 'apps', resource: 'deployments', namespace: 'shop', name: 'web' },
    { verb: 'get', group: '', resource: 'x', fieldSelector: 'a=b', labelSelector: 'c' },
  ]);
});

it('waits for answers, and asks each question once', async () => {
  const { asked, variables } = host(({ verb }) => Promise.resolve({ allowed: verb !== 'delete' }));
  const check = (verb: string): string => `authorizer.requestResource.check('${verb}').allowed()`;
  const program = compiled(`${check('get')} && ${check('get')} && !${check('delete')}`, environment);
  expect(await program.evaluateAsync(variables, { costLimit: 2_000_000 })).toMatchObject({ ok: true, value: true });
  expect(asked.map(({ verb }) => verb)).toEqual(['get', 'delete']);
  expect(program.evaluate(variables)).toMatchObject({ ok: false, message: 'the authorizer has no answer yet' });
});

it('tells of an authorizer that fails, and lets nobody ask without end', async () => {
  const { variables } = host(() => Promise.reject(new Error('gone')));
  const program = compiled("authorizer.path('/x').check('get').allowed()", environment);
  expect(await program.evaluateAsync(variables)).toMatchObject({
    ok: false,
    kind: 'error',
    message: 'internal error: Error: gone',
  });
  const many = compiled("['a', 'b', 'c', 'd'].exists(v, authorizer.path('/x').check(v).allowed())", environment);
  const { asked, variables: denied } = host(() => ({ allowed: false }));
  expect(many.evaluate(denied)).toMatchObject({ ok: false, kind: 'cost' });
  expect(asked).toHaveLength(2);
});
