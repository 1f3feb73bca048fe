import type { ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import { scheduleProblems, timeZoneProblems } from '@timonel/sdk/cron';
import { dnsSubdomainProblems, type PodTemplateSpec } from '@timonel/sdk/kube';
import { selectorColumn, templateColumns } from '../apps/pod-owner.ts';
import { child, fill, made, type Json } from '../defaults.ts';
import { describedKind } from '../described-kind.ts';
import { defaultPodTemplate } from '../pod/pod-defaults.ts';
import {
  ageColumn,
  counted,
  listAt,
  nameColumn,
  none,
  shown,
  showing,
  column,
  textAt,
  valueAt,
} from '../table/columns.ts';
import { since } from '../table/time.ts';
import type { Part } from '../validation/part.ts';
import { checkJobSpec } from './job-validation.ts';

/** The names of its jobs are its own with a dash and ten digits. */
const nameLimit = 52;

function defaultCronJob(cronJob: Json): void {
  const spec = child(cronJob, 'spec');
  fill(spec, {
    concurrencyPolicy: 'Allow',
    suspend: false,
    successfulJobsHistoryLimit: 3,
    failedJobsHistoryLimit: 1,
  });
  const template = child(spec, 'jobTemplate');
  made(template, 'metadata');
  defaultPodTemplate(child(template, 'spec')?.['template'] as PodTemplateSpec | undefined);
}

function check(cronJob: Part): void {
  const spec = cronJob.at('spec');
  spec.named('schedule', scheduleProblems, 'required');
  if (spec.get('timeZone') === '') spec.invalid('timeZone', 'timeZone must be nil or non-empty string');
  spec.named('timeZone', timeZoneProblems);
  spec.oneOf('concurrencyPolicy', ['Allow', 'Forbid', 'Replace']);
  spec.nonNegative('startingDeadlineSeconds', 'successfulJobsHistoryLimit', 'failedJobsHistoryLimit');
  const job = spec.below('jobTemplate.spec');
  if (job.get('manualSelector') === true) job.found.notSupported(job.pathOf('manualSelector'), true, ['nil', 'false']);
  checkJobSpec(job);
}

export const cronJobKind: ResourceDefinition = describedKind({
  group: 'batch',
  kind: 'CronJob',
  resource: 'cronjobs',
  shortNames: ['cj'],
  categories: ['all'],
  generation: true,
  status: {},
  statusMetadata: true,
  nameProblems: (name) => [
    ...dnsSubdomainProblems(name),
    ...(name.length > nameLimit ? [`must be no more than ${nameLimit} characters`] : []),
  ],
  default: defaultCronJob,
  check,
  columns: [
    nameColumn,
    shown('Schedule', 'When it makes jobs.', (cronJob) => textAt(cronJob, 'spec.schedule')),
    shown('Timezone', 'The time zone of the schedule.', (cronJob) => textAt(cronJob, 'spec.timeZone', none)),
    showing(column('Suspend', 'Whether it rests.', 'boolean'), (cronJob) =>
      valueAt(cronJob, 'spec.suspend') === true ? 'True' : 'False',
    ),
    counted('Active', 'The number of its running jobs.', (cronJob) => listAt(cronJob, 'status.active').length),
    shown('Last Schedule', 'When it made a job the last time.', (cronJob, context) => {
      const last = valueAt(cronJob, 'status.lastScheduleTime');
      return last === undefined ? none : since(last, context);
    }),
    ageColumn,
    ...templateColumns('spec.jobTemplate.spec.template'),
    selectorColumn('spec.jobTemplate.spec.selector'),
  ],
});
