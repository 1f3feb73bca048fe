/** Which bounds of limit ranges an object violates. Pure. */
import type { LimitRange, LimitRangeItem, PersistentVolumeClaim, Pod, Quantities } from '@timonel/sdk/kube';
import { containersResources, formatAmount, parseAmount, usageOf, type Amount, type Usage } from '@timonel/sdk/quota';

/** What a container, a pod or a claim asks for. */
interface Asked {
  readonly requests: Usage;
  readonly limits: Usage;
}

interface Case {
  /** Of the resource. */
  readonly name: string;
  readonly bound: Amount;
  /** Of the bound: `Container`. */
  readonly type: string;
  readonly request: Amount | undefined;
  readonly limit: Amount | undefined;
}

type Check = (given: Case) => string | undefined;

const belowMin: Check = ({ name, bound, type, request, limit }) => {
  const start = `minimum ${name} usage per ${type} is ${formatAmount(bound)}`;
  if (request === undefined) return `${start}.  No request is specified`;
  if (limit !== undefined && limit.nanos < bound.nanos) return `${start}, but limit is ${formatAmount(limit)}`;
  return request.nanos < bound.nanos ? `${start}, but request is ${formatAmount(request)}` : undefined;
};

const aboveMax: Check = ({ name, bound, type, request, limit }) => {
  const start = `maximum ${name} usage per ${type} is ${formatAmount(bound)}`;
  if (limit === undefined) return `${start}.  No limit is specified`;
  if (limit.nanos > bound.nanos) return `${start}, but limit is ${formatAmount(limit)}`;
  const asksMore = request !== undefined && request.nanos > bound.nanos;
  return asksMore ? `${start}, but request is ${formatAmount(request)}` : undefined;
};

/** Of claims, which have no limits. */
const requestAboveMax: Check = ({ name, bound, type, request }) => {
  const start = `maximum ${name} usage per ${type} is ${formatAmount(bound)}`;
  if (request === undefined) return `${start}.  No request is specified`;
  return request.nanos > bound.nanos ? `${start}, but request is ${formatAmount(request)}` : undefined;
};

const aboveRatio: Check = ({ name, bound, type, request, limit }) => {
  const start = `${name} max limit to request ratio per ${type} is ${formatAmount(bound)}`;
  if (request === undefined || request.nanos === 0n) return `${start}, but no request is specified or request is 0`;
  if (limit === undefined || limit.nanos === 0n) return `${start}, but no limit is specified or limit is 0`;
  // The bound is a number of billionths itself.
  if (limit.nanos * 1_000_000_000n <= bound.nanos * request.nanos) return undefined;
  return `${start}, but provided ratio is ${(Number(limit.nanos) / Number(request.nanos)).toFixed(6)}`;
};

function violations(item: LimitRangeItem, bounds: Quantities | undefined, asked: Asked, check: Check): string[] {
  return Object.entries(bounds ?? {})
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([name, bound]) => {
      const [request, limit] = [asked.requests.get(name), asked.limits.get(name)];
      return check({ name, bound: parseAmount(bound), type: item.type, request, limit }) ?? [];
    });
}

function allViolations(item: LimitRangeItem, asked: Asked): string[] {
  return [
    ...violations(item, item.min, asked, belowMin),
    ...violations(item, item.max, asked, aboveMax),
    ...violations(item, item.maxLimitRequestRatio, asked, aboveRatio),
  ];
}

function itemsOf(ranges: readonly LimitRange[], type: string): readonly LimitRangeItem[] {
  return ranges.flatMap(({ spec }) => spec?.limits ?? []).filter((item) => item.type === type);
}

/** Each once, in the order in which they were found. */
export function podProblems(pod: Pick<Pod, 'spec'>, ranges: readonly LimitRange[]): readonly string[] {
  const containers = [...(pod.spec.containers ?? []), ...(pod.spec.initContainers ?? [])];
  const ofContainers = itemsOf(ranges, 'Container').flatMap((item) =>
    containers.flatMap(({ resources }) =>
      allViolations(item, { requests: usageOf(resources?.requests), limits: usageOf(resources?.limits) }),
    ),
  );
  const whole: Asked = {
    requests: containersResources(pod, 'requests'),
    limits: containersResources(pod, 'limits'),
  };
  return [...new Set([...ofContainers, ...itemsOf(ranges, 'Pod').flatMap((item) => allViolations(item, whole))])];
}

export function claimProblems(claim: PersistentVolumeClaim, ranges: readonly LimitRange[]): readonly string[] {
  const asked: Asked = { requests: usageOf(claim.spec?.resources?.requests), limits: new Map<string, Amount>() };
  const found = itemsOf(ranges, 'PersistentVolumeClaim').flatMap((item) => [
    ...violations(item, item.min, asked, belowMin),
    ...violations(item, item.max, asked, requestAboveMax),
  ]);
  return [...new Set(found)];
}
