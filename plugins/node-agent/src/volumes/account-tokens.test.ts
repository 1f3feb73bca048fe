import { describe, expect, it } from '@jest/globals';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { ApiError, type KubeObject } from '@timonel/sdk/kube';
import { manualEnv } from '@timonel/testkit';
import { podWith } from '../plan/testing.ts';
import { AccountTokens } from './account-tokens.ts';

const hour = 3_600_000;

function bench(lifeMs = hour) {
  const env = manualEnv();
  const asked: { name: string; body: KubeObject }[] = [];
  const state = { isAway: false };
  const api: Partial<ApiClient> = {
    createSubresource: async (_type, { namespace, name }, subresource, body) => {
      if (state.isAway) throw new ApiError('ServiceUnavailable', 'away');
      asked.push({ name: `${namespace}/${name}/${subresource}`, body });
      const expirationTimestamp = new Date(env.clock.now() + lifeMs).toISOString();
      return { status: { token: `token-${asked.length}`, expirationTimestamp } };
    },
  };
  const tokens = new AccountTokens(api as ApiClient, env);
  const pod = podWith({ serviceAccountName: 'robot' });
  const of = (audience = '', expirationSeconds = 3600) => tokens.of(pod, { audience, expirationSeconds });
  return { env, asked, state, tokens, of };
}

describe('tokens of service accounts', () => {
  it('are asked for once for each audience, and end with the pod', async () => {
    const { of, asked } = bench();
    expect((await of()).token).toBe('token-1');
    expect((await of()).token).toBe('token-1');
    expect((await of('vault')).token).toBe('token-2');
    expect((await of('vault', 7200)).token).toBe('token-3');
    expect(asked[1]).toMatchObject({
      name: 'default/robot/token',
      body: {
        kind: 'TokenRequest',
        spec: {
          audiences: ['vault'],
          expirationSeconds: 3600,
          boundObjectRef: { kind: 'Pod', name: 'web', uid: 'uid-1' },
        },
      },
    });
  });

  it('are renewed when a fifth of their life is left', async () => {
    const { of, env } = bench();
    const { renewAfterMs } = await of();
    expect(renewAfterMs).toBeLessThanOrEqual(0.8 * hour);
    expect(renewAfterMs).toBeGreaterThan(0.8 * hour - 10_001);
    await env.advance(renewAfterMs - 1);
    expect((await of()).token).toBe('token-1');
    await env.advance(1);
    expect((await of()).token).toBe('token-2');
  });

  it('are renewed once a day at least', async () => {
    expect((await bench(365 * 24 * hour).of()).renewAfterMs).toBeLessThanOrEqual(24 * hour);
  });

  it('are good until they end while the API is away', async () => {
    const { of, env, state } = bench();
    await of();
    state.isAway = true;
    await env.advance(0.9 * hour);
    expect(await of()).toMatchObject({ token: 'token-1', renewAfterMs: 10_000 });
    await env.advance(0.1 * hour);
    await expect(of()).rejects.toThrow('away');
  });

  it('are forgotten with the pod', async () => {
    const { of, tokens } = bench();
    await of();
    tokens.forget('uid-1');
    expect((await of()).token).toBe('token-2');
  });
});
