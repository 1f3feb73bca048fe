import type { AnyPlugin } from '@timonel/sdk';
import { byNamespace, defineController, keysFrom, type Informer } from '@timonel/sdk/controller';
import { fromLabelSelector, jobs, matchesSelector, objectKey, pods, type Job, type Pod } from '@timonel/sdk/kube';
import { FailureMemory } from './back-off.ts';
import { explain } from './explain.ts';
import { jobKeyOf, observe, orphanNamespace } from './observe.ts';
import { reconcile } from './reconcile.ts';
import { planStatus } from './status.ts';

function keysOfPod(jobCache: Informer<Job>, pod: Pod): string[] {
  const key = jobKeyOf(pod);
  const namespace = orphanNamespace(pod);
  const adopters =
    namespace === undefined
      ? []
      : jobCache
          .byIndex('namespace', namespace)
          .filter(({ spec }) => matchesSelector(fromLabelSelector(spec.selector ?? {}), pod.metadata.labels));
  return [...(key === undefined ? [] : [key]), ...adopters.map(objectKey)];
}

const plugin: AnyPlugin = defineController({
  name: 'controller-job',
  version: '0.1.0',
  description: 'Runs the pods of each Job until enough of them have succeeded, and counts them exactly.',
  component: 'job-controller',
  subject: jobs,
  inputs: ({ informers }) => ({
    jobs: informers.for(jobs, { indexes: { namespace: byNamespace } }),
    pods: informers.for(pods, { indexes: { job: jobKeyOf, orphan: orphanNamespace } }),
    memory: new FailureMemory(),
  }),
  sources: (inputs) => [
    keysFrom(inputs.jobs, (job) => [objectKey(job)]),
    keysFrom(inputs.pods, (pod) => keysOfPod(inputs.jobs, pod)),
  ],
  observe: (key, inputs, now, { api }) => observe(key, inputs, now, api),
  reconcile,
  status: planStatus,
  explain,
});

export default plugin;
