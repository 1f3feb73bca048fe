import { describe, expect, it } from '@jest/globals';
import type { KubeObject } from '@timonel/sdk/kube';
import { manualEnv } from '@timonel/testkit';
import type { Kind } from '../kinds/kind-table.ts';
import { deletionOutcome } from './deletion.ts';

const strategy = { gracePeriodSeconds: (_: unknown, requested = 30) => requested };
const kind = { definition: { strategy } } as unknown as Kind;
const pod: KubeObject = { kind: 'Pod', apiVersion: 'v1', metadata: { name: 'a', namespace: 'b' } };

function marked(gracePeriodSeconds: number): string | undefined {
  const outcome = deletionOutcome(kind, pod, { gracePeriodSeconds }, manualEnv());
  if (outcome.kind !== 'put') throw new Error(`not marked, but ${outcome.kind}`);
  return outcome.object.metadata.deletionTimestamp;
}

describe('the end of a grace period', () => {
  it('is so many seconds from now, in whole seconds', () => {
    const now = manualEnv().clock.now();
    expect(Date.parse(marked(90) ?? '')).toBe(Math.floor(now / 1000) * 1000 + 90_000);
    expect(marked(90)).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  });

  it('is at most the last moment that clients can read', () => {
    expect(marked(Number.MAX_SAFE_INTEGER)).toBe('9999-12-31T23:59:59Z');
  });
});
