import { describe, expect, it } from '@jest/globals';
import type { ClusterRole, PolicyRule } from '@timonel/sdk/kube';
import { reconcile } from './reconcile.ts';

const rule = (resource: string): PolicyRule => ({ verbs: ['get'], apiGroups: [''], resources: [resource] });
const part = (name: string, to: string, ...rules: PolicyRule[]): ClusterRole => ({
  metadata: { name, labels: { to } },
  rules,
});
const whole = (rules: PolicyRule[] | null): ClusterRole => ({
  metadata: { name: 'whole', labels: { to: 'whole' } },
  aggregationRule: { clusterRoleSelectors: [{ matchLabels: { to: 'whole' } }, { matchLabels: { to: 'more' } }] },
  rules,
});
const next = (subject: ClusterRole, ...others: ClusterRole[]): unknown => {
  const now = { nowMs: 0, timestamp: '2026-01-01T00:00:00Z' };
  const [action] = reconcile({ ...now, subject, all: [subject, ...others] }).actions;
  return action?.do === 'update' ? (action.next as ClusterRole).rules : undefined;
};

describe('reconcile', () => {
  it('puts together what the selectors select, by name and each once, without itself', () => {
    const others = [
      part('b', 'whole', rule('pods'), rule('secrets')),
      part('a', 'whole', rule('nodes')),
      part('c', 'more', rule('pods'), rule('events')),
      part('d', 'other', rule('leases')),
    ];
    const wanted = [rule('nodes'), rule('pods'), rule('secrets'), rule('events')];
    expect(next(whole(null), ...others)).toEqual(wanted);
    expect(next(whole(wanted), ...others)).toBeUndefined();
  });

  it('takes away what is selected no more, and leaves roles without a rule alone', () => {
    expect(next(whole([rule('pods')]))).toEqual([]);
    expect(next(part('a', 'whole', rule('pods')), part('b', 'whole', rule('secrets')))).toBeUndefined();
  });
});
