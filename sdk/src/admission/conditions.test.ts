import { describe, expect, it } from '@jest/globals';
import type { AdmissionRequest } from '../contracts/admission/index.ts';
import type { AccessAttributes, AccessDecision } from '../contracts/api-server/index.ts';
import { RequestAuthorizer } from './authorizer.ts';
import { compileConditions, evaluateConditions, type ConditionsOutcome } from './conditions.ts';

const user = { username: 'jane', uid: '', groups: ['dev'], extra: {} };
const request = { group: 'apps', resource: 'deployments', subresource: '', namespace: 'shop', name: 'web', user };

function outcomeOf(
  expressions: readonly string[],
  authorize: (asked: AccessAttributes) => Promise<AccessDecision> = () =>
    Promise.resolve({ allowed: true, reason: '' }),
): Promise<ConditionsOutcome> {
  const conditions = compileConditions(expressions.map((expression, at) => ({ name: `c${at}`, expression })));
  return evaluateConditions(
    conditions,
    {},
    new RequestAuthorizer({ ...request, authorize } as unknown as AdmissionRequest),
  );
}

describe('match conditions', () => {
  it('ask what the user of the request, or somebody else, may do', async () => {
    const asked: AccessAttributes[] = [];
    const authorize = (attributes: AccessAttributes): Promise<AccessDecision> => {
      asked.push(attributes);
      return Promise.resolve({ allowed: attributes.verb === 'get', reason: 'because' });
    };
    const mine = "authorizer.requestResource.check('get').allowed()";
    const other = "authorizer.serviceAccount('a', 'b').path('/healthz').check('post').reason() == 'because'";
    expect(await outcomeOf([`${mine} && ${other}`, mine], authorize)).toBe('hold');
    expect(await outcomeOf(["authorizer.requestResource.check('delete').allowed()"], authorize)).toBe('fail');
    const { name, namespace, group, resource, subresource } = request;
    const shown = { name, namespace, group, resource, subresource };
    expect(asked).toEqual([
      { ...shown, user, version: '*', verb: 'get' },
      expect.objectContaining({
        path: '/healthz',
        verb: 'post',
        user: expect.objectContaining({ username: 'system:serviceaccount:a:b' }) as unknown,
      }),
      { ...shown, user, version: '*', verb: 'delete' },
    ]);
  });

  it('see that nobody could decide', async () => {
    const check = "authorizer.requestResource.check('get')";
    const broken = (): Promise<AccessDecision> => Promise.reject(new Error('gone'));
    expect(await outcomeOf([`!${check}.allowed() && ${check}.error() == 'gone'`], broken)).toBe('hold');
    const later = { allowed: false, reason: 'not yet', retryAfterSeconds: 1 };
    expect(await outcomeOf([`${check}.errored()`], () => Promise.resolve(later))).toBe('hold');
  });

  it('have one budget', async () => {
    const dear = "['a', 'b'].all(x, authorizer.path(x).check('get').allowed())";
    expect(await outcomeOf([dear, dear, dear])).toBe('hold');
    expect(await outcomeOf([dear, dear, dear, dear])).toMatchObject({
      problem: expect.stringContaining('cost limit exceeded') as unknown,
    });
  });
});
