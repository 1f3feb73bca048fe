/** The pods of a Job. */
import { podFromTemplate } from '@timonel/sdk/controller';
import { jobs, type Container, type Job, type Pod } from '@timonel/sdk/kube';
import {
  completionIndexKey,
  earlierFailures,
  failureCountAnnotation,
  ignoredFailureCountAnnotation,
  trackingFinalizer,
} from './job-pods.ts';
import { failureVerdict } from './policies.ts';

const indexVariable = 'JOB_COMPLETION_INDEX';
/** Of a DNS label. */
const hostnameLimit = 63;
/** Before the five characters that the server adds. */
const generateNameLimit = 58;

/** `name-7` with as much of the name as fits: no dot before the dash. */
function withIndex(name: string, suffix: string, limit: number): string {
  return `${name.slice(0, limit - suffix.length).replace(/\.+$/, '')}${suffix}`;
}

function withIndexVariable<C extends Container>(container: C): C {
  const env = container.env ?? [];
  if (env.some(({ name }) => name === indexVariable)) return container;
  const fieldRef = { fieldPath: `metadata.labels['${completionIndexKey}']` };
  return { ...container, env: [...env, { name: indexVariable, valueFrom: { fieldRef } }] };
}

/** What the successor of a failed pod must know of its index. */
function failureAnnotations(job: Job, predecessor: Pod | undefined): Record<string, string> {
  if (job.spec.backoffLimitPerIndex === undefined) return {};
  const before = predecessor === undefined ? { counted: 0, ignored: 0 } : earlierFailures(predecessor);
  const counts = predecessor !== undefined && failureVerdict(job, predecessor).counts;
  const counted = before.counted + (counts ? 1 : 0);
  const ignored = before.ignored + (predecessor !== undefined && !counts ? 1 : 0);
  return {
    [failureCountAnnotation]: `${counted}`,
    ...(ignored === 0 ? {} : { [ignoredFailureCountAnnotation]: `${ignored}` }),
  };
}

function plainPod(job: Job, generateName: string): Pod {
  const pod = podFromTemplate(job.spec.template, job, jobs, { generateName });
  const finalizers = [
    ...(pod.metadata.finalizers ?? []).filter((name) => name !== trackingFinalizer),
    trackingFinalizer,
  ];
  return { ...pod, metadata: { ...pod.metadata, finalizers } };
}

/** `index` undefined: the job is not indexed. */
export function newPod(job: Job, index?: number, predecessor?: Pod): Pod {
  const { name = '' } = job.metadata;
  if (index === undefined) return plainPod(job, `${name}-`);
  const pod = plainPod(job, withIndex(name, `-${index}-`, generateNameLimit));
  const { initContainers } = pod.spec;
  const annotations = { ...pod.metadata.annotations, ...failureAnnotations(job, predecessor) };
  return {
    metadata: {
      ...pod.metadata,
      annotations: { ...annotations, [completionIndexKey]: `${index}` },
      labels: { ...pod.metadata.labels, [completionIndexKey]: `${index}` },
    },
    spec: {
      ...pod.spec,
      // A label of DNS, which has no dots.
      hostname: withIndex(name.replaceAll('.', '-'), `-${index}`, hostnameLimit),
      containers: pod.spec.containers.map(withIndexVariable),
      ...(initContainers === undefined ? {} : { initContainers: initContainers.map(withIndexVariable) }),
    },
  };
}
