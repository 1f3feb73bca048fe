import type { AnyPlugin } from '@timonel/sdk';
import { byControllerUid, defineController, keysFrom } from '@timonel/sdk/controller';
import { controllerOf, cronJobs, jobs, objectKey } from '@timonel/sdk/kube';
import { explain } from './explain.ts';
import { observe } from './observe.ts';
import { reconcile } from './reconcile.ts';
import { planStatus } from './status.ts';

const plugin: AnyPlugin = defineController({
  name: 'controller-cronjob',
  version: '0.1.0',
  description: 'Makes a Job at each time of the schedule of a CronJob, and removes old ones.',
  component: 'cronjob-controller',
  subject: cronJobs,
  inputs: ({ informers }) => ({
    cronJobs: informers.for(cronJobs),
    jobs: informers.for(jobs, { indexes: { controller: byControllerUid } }),
  }),
  sources: (inputs) => [
    keysFrom(inputs.cronJobs, (cronJob) => [objectKey(cronJob)]),
    keysFrom(inputs.jobs, (job) => {
      const owner = controllerOf(job);
      return owner?.kind === 'CronJob' ? [`${job.metadata.namespace}/${owner.name}`] : [];
    }),
  ],
  observe: (key, inputs, now, { api }) => observe(key, inputs, now, api),
  reconcile,
  status: planStatus,
  explain,
});

export default plugin;
