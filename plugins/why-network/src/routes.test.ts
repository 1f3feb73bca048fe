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

/** An API without any objects, which answers when it is told to. */
function bench() {
  const waiting: (() => void)[] = [];
  const get = (_: unknown, { name }: { name: string }): Promise<never> =>
    new Promise((_resolve, reject) => {
      waiting.push(() => reject(new ApiError('NotFound', `"${name}" not found`)));
    });
  const [route] = trafficRoutes({
    api: { get } as unknown as ApiClient,
    tablesOf: async (node) => ({ node, ready: true }),
  });
  const ask = async ({ resource = 'pods', name = 'a', query = 'to=pods/b&port=80' }: Asked): Promise<unknown> => {
    const params = { namespace: 'default', resource, name };
    return route?.handle({ params, query: new URLSearchParams(query) } as unknown as RouteRequest);
  };
  return { ask, answerAll: () => waiting.splice(0).forEach((answer) => answer()) };
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

  it('are answered so many at once, and more when these are done', async () => {
    const { ask, answerAll } = bench();
    const first = Array.from({ length: 8 }, () => ask({}));
    await expect(ask({})).rejects.toMatchObject({ reason: 'TooManyRequests' });
    answerAll();
    for (const asked of first) await expect(asked).rejects.toMatchObject({ reason: 'NotFound' });
    const again = ask({});
    answerAll();
    await expect(again).rejects.toMatchObject({ reason: 'NotFound' });
  });
});
