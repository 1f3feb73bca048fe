import { describe, expect, it } from '@jest/globals';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import type { RouteRequest } from '@timonel/sdk/contracts/api-server';
import { ApiError } from '@timonel/sdk/kube';
import { trafficRoutes } from './routes.ts';

interface Asked {
  readonly resource?: string;
  readonly name?: string;
  readonly query?: string;
}

/** An API without any objects, which answers when it is told to. Everything in the namespace `mine` may be asked about. */
function bench() {
  const reviewed: unknown[] = [];
  const create = async (
    _: unknown,
    { spec }: { spec: { resourceAttributes: { namespace: string } } },
  ): Promise<object> => {
    reviewed.push(spec);
    return { status: { allowed: spec.resourceAttributes.namespace === 'mine' } };
  };
  const waiting: (() => void)[] = [];
  const get = (_: unknown, { name }: { name: string }): Promise<never> =>
    new Promise((_resolve, reject) => {
      waiting.push(() => reject(new ApiError('NotFound', `"${name}" not found`)));
    });
  const [route] = trafficRoutes({
    api: { get, create } as unknown as ApiClient,
    tablesOf: async (node) => ({ node, ready: true }),
  });
  const ask = async ({ resource = 'pods', name = 'a', query = 'to=pods/b&port=80' }: Asked): Promise<unknown> => {
    const params = { namespace: 'default', resource, name };
    const user = { username: 'jane', uid: '', groups: [], extra: {} };
    return route?.handle({ params, query: new URLSearchParams(query), user } as unknown as RouteRequest);
  };
  return { ask, reviewed, answerAll: () => waiting.splice(0).forEach((answer) => answer()) };
}

describe('questions about traffic', () => {
  const bad: readonly (readonly [Asked, string])[] = [
    [{ resource: 'nodes' }, '"nodes" has no traffic; these have: pods, services, addresses'],
    [{ name: '%' }, 'the path has a part that is not valid: %'],
    [{ query: '' }, 'the parameter "to" must be like pods/web-0'],
    [{ query: 'to=pods/' }, 'the parameter "to" must be like pods/web-0'],
    [{ query: 'to=pods/a/b' }, 'the parameter "to" must be like pods/web-0'],
    [{ query: `to=pods/${'a'.repeat(300)}` }, 'the parameter "to" must be like pods/web-0'],
    [{ query: 'to=constructor/a' }, '"constructor" has no traffic'],
    [{ query: 'to=pods/b&protocol=ICMP' }, 'the protocol must be one of TCP, UDP, SCTP'],
  ];
  it('that cannot be understood are refused with the reason', async () => {
    for (const [asked, message] of bad) {
      await expect(bench().ask(asked)).rejects.toMatchObject({
        reason: 'BadRequest',
        message: expect.stringContaining(message),
      });
    }
  });

  it('about another namespace need the right to ask there', async () => {
    const { ask, reviewed, answerAll } = bench();
    const other = ask({ query: 'to=services/db&toNamespace=other&port=80' });
    await expect(other).rejects.toMatchObject({ reason: 'Forbidden', message: expect.stringContaining('"other"') });
    const attributes = {
      verb: 'get',
      group: 'why.timonel.dev',
      resource: 'services',
      subresource: 'traffic',
      namespace: 'other',
    };
    expect(reviewed).toEqual([
      expect.objectContaining({ user: 'jane', resourceAttributes: expect.objectContaining(attributes) }),
    ]);
    const own = ask({ query: 'to=pods/db&toNamespace=mine&port=80' });
    await Promise.resolve();
    await new Promise((resolve) => setImmediate(resolve));
    answerAll();
    await expect(own).rejects.toMatchObject({ reason: 'NotFound' });
  });

  it('are answered so many at once, and more when these are done', async () => {
    const { ask, answerAll } = bench();
    const first = Array.from({ length: 8 }, () => ask({}));
    await expect(ask({})).rejects.toMatchObject({ reason: 'TooManyRequests' });
    await new Promise((resolve) => setImmediate(resolve));
    answerAll();
    for (const asked of first) await expect(asked).rejects.toMatchObject({ reason: 'NotFound' });
    const again = ask({});
    await new Promise((resolve) => setImmediate(resolve));
    answerAll();
    await expect(again).rejects.toMatchObject({ reason: 'NotFound' });
  });
});
