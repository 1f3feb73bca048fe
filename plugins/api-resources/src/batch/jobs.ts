import type { ResourceDefinition, TableContext } from '@timonel/sdk/contracts/api-server';
import type { KubeObject } from '@timonel/sdk/kube';
import { defaultTemplateOf, selectorColumn, templateColumns } from '../apps/pod-owner.ts';
import { child, fill, items, type Json } from '../defaults.ts';
import { describedKind } from '../described-kind.ts';
import { ageColumn, listAt, nameColumn, numberAt, shown, valueAt } from '../table/columns.ts';
import { humanDuration, parseTimestamp } from '../table/time.ts';
import { fieldOf } from '../validation/loose.ts';
import type { Part } from '../validation/part.ts';
import { labelLikeTemplate, makeSelector } from './job-labels.ts';
import { checkJobSelector, checkJobSpec } from './job-validation.ts';

const noLimit = 2_147_483_647;

function defaultJob(job: Json): void {
  const spec = child(job, 'spec');
  if (spec === undefined) return;
  const counts = spec['completions'] === undefined && spec['parallelism'] === undefined;
  if (counts) spec['completions'] = 1;
  const perIndex = spec['backoffLimitPerIndex'] !== undefined;
  fill(spec, {
    parallelism: 1,
    backoffLimit: perIndex ? noLimit : 6,
    completionMode: 'NonIndexed',
    suspend: false,
    manualSelector: false,
    podReplacementPolicy: child(spec, 'podFailurePolicy') === undefined ? 'TerminatingOrFailed' : 'Failed',
  });
  for (const rule of items(child(spec, 'podFailurePolicy'), 'rules'))
    for (const condition of items(rule, 'onPodConditions')) fill(condition, { status: 'True' });
  defaultTemplateOf(job);
  labelLikeTemplate(job);
}

function prepare(job: Json): void {
  if (child(job, 'spec')?.['manualSelector'] !== true) makeSelector(job);
  labelLikeTemplate(job);
}

/** Indexed jobs may grow and shrink as long as they work on all at once. */
function checkUpdate(job: Part, old: Part): void {
  const [spec, before] = [job.at('spec'), old.at('spec')];
  const elastic =
    spec.text('completionMode') === 'Indexed' && spec.number('completions') === spec.number('parallelism');
  if (!elastic) spec.unchanged(before, 'completions');
  const startable = before.get('suspend') === true && old.at('status').get('startTime') === undefined;
  if (!startable) spec.unchanged(before, 'template');
}

function check(job: Part): void {
  const spec = job.at('spec');
  checkJobSelector(spec);
  checkJobSpec(spec);
}

function hasCondition(job: KubeObject, type: string): boolean {
  return listAt(job, 'status.conditions').some(
    (condition) => fieldOf(condition, 'type') === type && fieldOf(condition, 'status') === 'True',
  );
}

function statusCell(job: KubeObject): string {
  if (hasCondition(job, 'Complete')) return 'Complete';
  if (hasCondition(job, 'Failed')) return 'Failed';
  if (job.metadata.deletionTimestamp !== undefined) return 'Terminating';
  for (const type of ['Suspended', 'FailureTarget', 'SuccessCriteriaMet']) if (hasCondition(job, type)) return type;
  return 'Running';
}

function completionsCell(job: KubeObject): string {
  const done = numberAt(job, 'status.succeeded');
  const wanted = valueAt(job, 'spec.completions');
  if (typeof wanted === 'number') return `${done}/${wanted}`;
  const parallelism = numberAt(job, 'spec.parallelism');
  return parallelism > 1 ? `${done}/1 of ${parallelism}` : `${done}/1`;
}

function durationCell(job: KubeObject, context: TableContext): string {
  const start = parseTimestamp(valueAt(job, 'status.startTime'));
  if (start === undefined) return '';
  return humanDuration((parseTimestamp(valueAt(job, 'status.completionTime')) ?? context.now) - start);
}

export const jobKind: ResourceDefinition = describedKind({
  group: 'batch',
  kind: 'Job',
  resource: 'jobs',
  categories: ['all'],
  generation: true,
  status: {},
  statusMetadata: true,
  default: defaultJob,
  prepare,
  check,
  checkUpdate,
  immutable: [
    'spec.selector',
    'spec.completionMode',
    'spec.podFailurePolicy',
    'spec.backoffLimitPerIndex',
    'spec.successPolicy',
    'spec.managedBy',
  ],
  fields: (job) => ({ 'status.successful': String(numberAt(job, 'status.succeeded')) }),
  columns: [
    nameColumn,
    shown('Status', 'Running, or how it ended.', statusCell),
    shown('Completions', 'Pods that succeeded of the wanted ones.', completionsCell),
    shown('Duration', 'How long it ran.', durationCell),
    ageColumn,
    ...templateColumns(),
    selectorColumn(),
  ],
});
