/** The spec of a Job, also where it stands in a CronJob. */
import type { LabelSelector, PodTemplateSpec } from '@timonel/sdk/kube';
import { checkOwnSelector } from '../apps/selector-validation.ts';
import { checkTemplate } from '../pod/pod-validation.ts';
import type { Part } from '../validation/part.ts';

const completionsLimit = 1_000_000;

function checkTemplateOf(spec: Part): void {
  const template = spec.at('template');
  checkTemplate(template.raw as PodTemplateSpec, template.path, spec.found);
  const policy = template.at('spec').text('restartPolicy');
  const path = template.at('spec').pathOf('restartPolicy');
  if (policy === 'Always') spec.found.required(path, 'valid values: "OnFailure", "Never"');
  if (spec.at('podFailurePolicy').present && policy !== 'Never')
    spec.found.invalid(path, policy, 'only "Never" is supported when podFailurePolicy is specified');
}

function checkFailurePolicy(spec: Part): void {
  for (const rule of spec.at('podFailurePolicy').list('rules')) {
    rule.oneOf('action', ['Count', 'FailIndex', 'FailJob', 'Ignore']);
    const codes = rule.at('onExitCodes');
    const conditions = rule.list('onPodConditions');
    if (codes.present && conditions.length > 0)
      rule.wrong('specifying both OnExitCodes and OnPodConditions is not supported');
    if (!codes.present && conditions.length === 0)
      rule.wrong('specifying one of OnExitCodes and OnPodConditions is required');
    if (codes.present) {
      codes.oneOf('operator', ['In', 'NotIn']);
      codes.requireItems('values', 'at least one value is required');
      codes.distinct('values');
    }
    for (const condition of conditions) {
      condition.require('type');
      condition.oneOf('status', ['False', 'True', 'Unknown']);
    }
  }
}

function checkIndexes(spec: Part): void {
  const indexed = spec.text('completionMode') === 'Indexed';
  if (indexed && spec.number('completions') === undefined)
    spec.missing('completions', 'when completion mode is Indexed');
  if (indexed && (spec.number('completions') ?? 0) > completionsLimit)
    spec.invalid('completions', `must be less than or equal to ${completionsLimit} when completion mode is Indexed`);
  if (!indexed) {
    for (const name of ['backoffLimitPerIndex', 'maxFailedIndexes', 'successPolicy'])
      if (spec.has(name)) spec.invalid(name, 'requires indexed completion mode');
  } else if (spec.has('maxFailedIndexes') && !spec.has('backoffLimitPerIndex'))
    spec.missing('backoffLimitPerIndex', 'when maxFailedIndexes is specified');
  if (spec.at('successPolicy').present)
    spec
      .at('successPolicy')
      .requireItems('rules', 'at least one rules must be specified when the successPolicy is specified');
}

export function checkJobSpec(spec: Part): void {
  spec.nonNegative(
    'parallelism',
    'completions',
    'activeDeadlineSeconds',
    'backoffLimit',
    'ttlSecondsAfterFinished',
    'backoffLimitPerIndex',
    'maxFailedIndexes',
  );
  spec.oneOf('completionMode', ['Indexed', 'NonIndexed'], 'optional');
  spec.oneOf('podReplacementPolicy', ['Failed', 'TerminatingOrFailed'], 'optional');
  if (spec.at('podFailurePolicy').present && spec.text('podReplacementPolicy') === 'TerminatingOrFailed')
    spec.found.notSupported(spec.pathOf('podReplacementPolicy'), 'TerminatingOrFailed', ['Failed']);
  checkIndexes(spec);
  checkFailurePolicy(spec);
  checkTemplateOf(spec);
}

/** The selector of a Job, which the server made unless the user took that over. */
export function checkJobSelector(spec: Part): void {
  const given = { selector: spec.get('selector'), template: spec.get('template') };
  checkOwnSelector(given as { selector: LabelSelector; template: PodTemplateSpec }, spec.path, spec.found);
}
