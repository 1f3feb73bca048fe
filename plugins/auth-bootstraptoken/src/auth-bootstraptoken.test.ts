import { describe, expect, it } from '@jest/globals';
import type { AuthenticationObjects } from '@timonel/sdk/contracts/auth';
import type { Secret } from '@timonel/sdk/kube';
import { createSimulatedEnv } from '@timonel/core/env';
import { pluginSuite } from '@timonel/testkit';
import { authenticate } from './bootstrap-token.ts';
import plugin from './index.ts';

pluginSuite('auth-bootstraptoken', () => ({ entry: { definition: plugin, source: 'built-in' }, dependencies: [] }));

const { clock } = createSimulatedEnv({ seed: 1 });
const token = 'abcdef.0123456789abcdef';
const base64 = (value: string): string => Buffer.from(value).toString('base64');
const later = clock.now() + 60_000;

function holding(values: Record<string, string> = {}, more: Partial<Secret> = {}): AuthenticationObjects {
  const data = {
    'token-id': 'abcdef',
    'token-secret': '0123456789abcdef',
    'usage-bootstrap-authentication': 'true',
    ...values,
  };
  const secret: Secret = {
    metadata: { name: 'bootstrap-token-abcdef', namespace: 'kube-system' },
    type: 'bootstrap.kubernetes.io/token',
    data: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, base64(value)])),
    ...more,
  };
  const find = (_: unknown, { name, namespace }: { name: string; namespace?: string | undefined }): Promise<unknown> =>
    Promise.resolve(name === secret.metadata.name && namespace === 'kube-system' ? secret : undefined);
  return { find } as AuthenticationObjects;
}
const timestamp = (ms: number): string => new Date(ms).toISOString();
const ask = (bearerToken: string, objects = holding()) =>
  authenticate({ bearerToken, certificate: undefined }, objects, clock);

describe('bootstrap tokens', () => {
  it('say who, and of which groups', async () => {
    const groups = 'system:bootstrappers:workers,system:masters,system:bootstrappers:';
    expect(await ask(token, holding({ 'auth-extra-groups': groups, expiration: timestamp(later) }))).toMatchObject({
      outcome: 'authenticated',
      user: {
        username: 'system:bootstrap:abcdef',
        groups: ['system:bootstrappers', 'system:bootstrappers:workers', 'system:authenticated'],
      },
    });
  });

  it.each<[string, AuthenticationObjects]>([
    ['another secret', holding({ 'token-secret': 'fedcba9876543210' })],
    ['another id', holding({ 'token-id': 'xxxxxx' })],
    ['an end that is past', holding({ expiration: timestamp(clock.now() - 1) })],
    ['an end that is no time', holding({ expiration: 'soon' })],
    ['another use', holding({ 'usage-bootstrap-authentication': 'false' })],
    ['another type', holding({}, { type: 'Opaque' })],
    [
      'one that is going',
      holding({}, { metadata: { name: 'bootstrap-token-abcdef', deletionTimestamp: timestamp(0) } }),
    ],
  ])('are not believed with %s', async (_, objects) => {
    expect(await ask(token, objects)).toMatchObject({ outcome: 'rejected' });
  });

  it('others are left to others', async () => {
    for (const other of ['abcdef.0123', 'xyzxyz.0123456789abcdef', '', 'a.b.c'])
      expect(await ask(other)).toEqual({ outcome: 'unknown' });
  });
});
