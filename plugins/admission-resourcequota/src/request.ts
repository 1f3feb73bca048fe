/** What a request would be charged for in a quota, and how it is refused. Pure. */
import { forbiddenBy, type AdmissionContext } from '@timonel/sdk/contracts/api-server';
import type { ApiError, KubeObject, ResourceQuota } from '@timonel/sdk/kube';
import {
  evaluatorOf,
  inScope,
  isWithin,
  namesOf,
  nothing,
  only,
  positive,
  sum,
  usageOf,
  usageText,
  without,
  zero,
  type Evaluator,
  type Usage,
} from '@timonel/sdk/quota';

/** A creation or a change, as quotas see it. */
export interface QuotaRequest {
  readonly context: AdmissionContext;
  readonly object: KubeObject;
  readonly evaluator: Evaluator;
  /** More than before, by name; without what is nothing. */
  readonly growth: Usage;
}

/** Whether requests like this one may be charged at all. */
export function isCharged({ operation, subresource, namespace, group, resource }: AdmissionContext): boolean {
  if (namespace === undefined || namespace === '') return false;
  if (subresource === 'resize') return operation === 'UPDATE' && group === '' && resource === 'pods';
  if (subresource !== '') return false;
  return operation === 'CREATE' || (operation === 'UPDATE' && evaluatorOf({ group, resource }).grows);
}

export function requestOf(object: KubeObject, context: AdmissionContext, nowMs: number): QuotaRequest {
  const evaluator = evaluatorOf(context);
  const { oldObject } = context;
  const before =
    context.operation === 'UPDATE' && oldObject !== undefined ? evaluator.usage(oldObject, nowMs) : nothing;
  return { context, object, evaluator, growth: positive(without(evaluator.usage(object, nowMs), before)) };
}

/** Of the bounds that are in force, those that count the object; undefined: the quota does not. */
function boundsOf(quota: ResourceQuota, { evaluator, object }: QuotaRequest): readonly string[] | undefined {
  const names = namesOf(quota.status?.hard ?? quota.spec?.hard, evaluator);
  return names.length === 0 || !inScope(quota, evaluator, object) ? undefined : names;
}

function costIn(names: readonly string[], { growth }: QuotaRequest): Usage {
  return only(growth, (name) => names.includes(name));
}

/** What is used without the request, which was charged. */
export function usedWithout(quota: ResourceQuota, used: Usage, request: QuotaRequest): Usage {
  return without(used, costIn(boundsOf(quota, request) ?? [], request));
}

export type Verdict =
  | { readonly kind: 'free' }
  | { readonly kind: 'refused'; readonly error: ApiError }
  | { readonly kind: 'charged'; readonly used: Usage };

const free: Verdict = { kind: 'free' };

/** What the request comes to when so much is used. */
export function judge(quota: ResourceQuota, used: Usage, request: QuotaRequest): Verdict {
  const names = boundsOf(quota, request);
  if (names === undefined) return free;
  const refused = (why: string): Verdict => ({ kind: 'refused', error: forbiddenBy(request.context, why) });
  const quotaName = quota.metadata.name ?? '';
  const missing = request.evaluator.missing?.(request.object, names);
  if (missing !== undefined) return refused(`failed quota: ${quotaName}: ${missing}`);
  const unknown = names.filter((name) => !used.has(name));
  if (unknown.length > 0)
    return refused(`status unknown for quota: ${quotaName}, resources: ${unknown.toSorted().join(',')}`);
  const requested = costIn(names, request);
  if (requested.size === 0) return free;
  const hard = usageOf(quota.status?.hard);
  const next = sum(used, requested);
  const exceeded = (name: string): boolean =>
    requested.has(name) && (next.get(name) ?? zero).nanos > (hard.get(name) ?? zero).nanos;
  if (
    isWithin(
      only(next, (name) => requested.has(name)),
      hard,
    )
  )
    return { kind: 'charged', used: next };
  const [asked, before, limits] = [requested, used, hard].map((usage) => usageText(only(usage, exceeded)));
  return refused(`exceeded quota: ${quotaName}, requested: ${asked}, used: ${before}, limited: ${limits}`);
}
