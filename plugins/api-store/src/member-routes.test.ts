import { beforeEach, describe, expect, it } from '@jest/globals';
import type { RouteRequest } from '@timonel/sdk/contracts/api-server';
import { StoreError, type Store, type StoreAdmin, type StoreErrorCode } from '@timonel/sdk/contracts/store';
import type { ApiError, Status } from '@timonel/sdk/kube';
import { memberRoutes } from './member-routes.ts';

const calls: unknown[][] = [];
let failure: Error | undefined;

const methods = ['members', 'addLearner', 'promote', 'remove', 'moveLeader', 'check'] as const;
const admin = Object.fromEntries(
  methods.map((method) => [
    method,
    (...args: unknown[]) => {
      calls.push([method, ...args]);
      return failure === undefined ? Promise.resolve(method === 'members' ? [] : {}) : Promise.reject(failure);
    },
  ]),
) as unknown as StoreAdmin;
const store: Partial<Store> = {
  barrier: () => Promise.resolve(1),
  status: () =>
    Promise.resolve({
      implementation: 'store-fake',
      revision: 1,
      compactedRevision: 1,
      memberId: 'a',
      leaderId: 'a',
      term: 1,
      appliedIndex: 1,
      members: [{ id: 'a', name: 'a', peerUrls: [], learner: false }],
      sizeBytes: 0,
    }),
};

interface Asked extends Partial<RouteRequest> {
  /** The store has no members. */
  readonly alone?: boolean;
}

async function ask(method: string, path: string, { alone = false, ...more }: Asked = {}) {
  const current = alone ? undefined : admin;
  const routes = memberRoutes({ store: store as Store, admin: { current, onChange: () => undefined } });
  const route = routes.find((one) => one.method === method && one.path === `/apis/store.timonel.dev/v1${path}`);
  if (route === undefined) throw new Error(`there is no route ${method} ${path}`);
  const user = { username: 'u', uid: '', groups: ['system:masters'], extra: {} };
  const request = { method, path, params: {}, body: undefined, user, ...more } as RouteRequest;
  return route.handle(request).then(
    (answer) =>
      answer.kind === 'object' ? { code: answer.status, object: answer.object as Partial<Status> } : undefined,
    (error: unknown) => ({ code: (error as ApiError).code, object: (error as ApiError).status }),
  );
}

beforeEach(() => {
  calls.length = 0;
  failure = undefined;
});

describe('routes of members', () => {
  it('pass what was asked for', async () => {
    const body = { id: 'b', name: 'two', peerUrl: '[::1]:2380' };
    expect(await ask('POST', '/members', { body })).toMatchObject({ code: 201, object: { id: 'b', learner: true } });
    expect(await ask('POST', '/members/:id/promote', { params: { id: 'b' } })).toMatchObject({ code: 200 });
    expect(await ask('POST', '/leader')).toMatchObject({ code: 200, object: { memberId: 'a' } });
    expect(await ask('POST', '/leader', { body: { memberId: 'b' } })).toMatchObject({ code: 200 });
    expect(await ask('DELETE', '/members/:id', { params: { id: 'b' } })).toMatchObject({ code: 200 });
    expect(calls).toEqual([
      ['addLearner', body],
      ['promote', 'b'],
      ['moveLeader'],
      ['moveLeader', 'b'],
      ['remove', 'b'],
    ]);
  });

  it('refuse bodies that make no sense', async () => {
    const good = { id: 'b', name: 'two', peerUrl: '10.0.0.2:2380' };
    const peerUrls = ['', 'x', 'a b:1', 'host:0', 'host:99999', 'https://h:1', ':1'].map((peerUrl) => ({
      ...good,
      peerUrl,
    }));
    const bad = [
      undefined,
      'x',
      { ...good, id: '' },
      { ...good, id: '../x' },
      { ...good, name: 'a=b' },
      { ...good, more: 1 },
    ];
    for (const body of [...bad, ...peerUrls]) {
      expect([body, await ask('POST', '/members', { body })]).toMatchObject([body, { code: 400 }]);
    }
    expect(await ask('POST', '/leader', { body: { memberId: 3 } })).toMatchObject({ code: 400 });
    expect(calls).toEqual([]);
  });

  it('are for administrators only', async () => {
    const user = { username: 'system:node:n', uid: '', groups: ['system:nodes', 'system:authenticated'], extra: {} };
    for (const [method, path] of [
      ['GET', '/members'],
      ['POST', '/members'],
      ['POST', '/members/:id/promote'],
      ['DELETE', '/members/:id'],
      ['POST', '/leader'],
      ['POST', '/check'],
    ] as const) {
      const answer = await ask(method, path, {
        user,
        params: { id: 'a' },
        body: { id: 'b', name: 'b', peerUrl: 'h:1' },
      });
      expect([path, answer]).toMatchObject([path, { code: 403, object: { reason: 'Forbidden' } }]);
    }
    expect(calls).toEqual([]);
  });

  it('name the store that has no members', async () => {
    for (const [method, path] of [
      ['GET', '/members'],
      ['DELETE', '/members/:id'],
      ['POST', '/leader'],
      ['POST', '/check'],
    ] as const) {
      const answer = await ask(method, path, { params: { id: 'a' }, alone: true });
      expect(answer).toMatchObject({ code: 405, object: { reason: 'MethodNotAllowed' } });
      expect(answer?.object.message).toContain('store-fake');
    }
  });

  it('tell failures as Status', async () => {
    const codes: Partial<Record<StoreErrorCode, number>> = {
      REFUSED: 409,
      UNAVAILABLE: 503,
      STOPPED: 503,
      NO_SPACE: 503,
      COMPACTED: 410,
      FUTURE_REVISION: 400,
      TOO_LARGE: 413,
      CORRUPT: 500,
    };
    for (const [code, status] of Object.entries(codes)) {
      failure = new StoreError(code as StoreErrorCode, 'why');
      const answer = await ask('POST', '/members/:id/promote', { params: { id: 'a' } });
      expect([code, answer]).toMatchObject([code, { code: status, object: { message: 'why' } }]);
      const retry = answer?.object.details?.retryAfterSeconds;
      expect([code, retry]).toEqual([code, code === 'UNAVAILABLE' ? 1 : undefined]);
    }
    failure = new StoreError('REFUSED', 'b is not a member');
    const missing = await ask('DELETE', '/members/:id', { params: { id: 'b' } });
    expect(missing).toMatchObject({ code: 404, object: { message: 'members.store.timonel.dev "b" not found' } });
    failure = new RangeError('no such number');
    expect(await ask('GET', '/members')).toMatchObject({ code: 400, object: { message: 'no such number' } });
  });
});
