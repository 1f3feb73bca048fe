/** A scheduler may say anything: what of it can be shown. */
import type { ExplainedRejection, NodeScore, PodExplanation } from '@timonel/sdk/contracts/scheduler';

/** More reasons than these are no explanation. */
const rejectionLimit = 256;
const scoreLimit = 16;

type Loose<T> = { readonly [K in keyof T]?: unknown };

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const count = (value: unknown): number =>
  typeof value === 'number' && value >= 0 && Number.isFinite(value) ? value : 0;
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function rejection(value: unknown): ExplainedRejection[] {
  if (!isRecord(value)) return [];
  const { plugin, code, reason, nodeCount, nodes, resolvable, detail, unblock }: Loose<ExplainedRejection> = value;
  if (text(reason) === '') return [];
  return [
    {
      plugin: text(plugin),
      code: text(code) || 'refused',
      reason: text(reason),
      nodeCount: count(nodeCount),
      nodes: list(nodes).filter((name) => typeof name === 'string'),
      resolvable: resolvable === true,
      detail: isRecord(detail) ? detail : {},
      unblock: text(unblock),
    },
  ];
}

function score(value: unknown): NodeScore[] {
  if (!isRecord(value)) return [];
  const { nodeName, total, scores }: Loose<NodeScore> = value;
  if (typeof nodeName !== 'string' || !Number.isFinite(total)) return [];
  const numbers = Object.entries(isRecord(scores) ? scores : {}).filter(([, each]) => Number.isFinite(each));
  return [{ nodeName, total: total as number, scores: Object.fromEntries(numbers) as Record<string, number> }];
}

export interface SoundExplanation extends PodExplanation {
  /** Refusals that were left out. */
  readonly omitted: number;
}

/** undefined: it is no explanation. */
export function soundExplanation(value: unknown): SoundExplanation | undefined {
  if (!isRecord(value) || !Array.isArray(value['rejections'])) return undefined;
  return {
    feasibleNodes: count(value['feasibleNodes']),
    rejections: list(value['rejections']).slice(0, rejectionLimit).flatMap(rejection),
    scores: list(value['scores']).slice(0, scoreLimit).flatMap(score),
    preemption: text(value['preemption']),
    omitted: Math.max(0, list(value['rejections']).length - rejectionLimit),
  };
}
