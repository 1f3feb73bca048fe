/** Jobs whose pods are containers of a real node. */
import { describe, expect, it } from '@jest/globals';
import { until } from '../support/until.ts';
import { idle, once, sh } from './support/real/containers.ts';
import { realNode } from './support/real/real-node.ts';
import type { Shown } from './support/real/real-pod.ts';
import { isReady, namesOf, type RealWorkload } from './support/real/real-workload.ts';

const node = realNode();
const indexKey = 'batch.kubernetes.io/job-completion-index';
const indexOf = ({ metadata }: Shown): number => Number(metadata.annotations[indexKey]);
const typesOf = ({ status }: Shown): string[] =>
  (status.conditions ?? []).filter((one: Shown) => one.status === 'True').map(({ type }: Shown) => type);
const exitCodesOf = ({ status }: Shown): number[] =>
  (status.containerStatuses ?? []).map(({ state }: Shown) => state.terminated?.exitCode);

/** The job once it is over; no pod of it is tracked any more. */
async function over(job: RealWorkload, type: 'Complete' | 'Failed'): Promise<Shown> {
  const ends = ['Complete', 'Failed'];
  const ended = await job.until(`the job to be ${type}`, (one) => typesOf(one).some((each) => ends.includes(each)));
  if (!typesOf(ended).includes(type)) throw new Error(`${job.name} is not ${type}: ${JSON.stringify(ended.status)}`);
  await job.untilPods('no finalizers', (pods) => pods.every(({ metadata }) => metadata.finalizers === undefined));
  return ended;
}
const reasonOf = ({ status }: Shown, type: string): string =>
  status.conditions.find((one: Shown) => one.type === type).reason;
/** What fails without a policy fails the job at once. */
const strict = { backoffLimit: 0 };
const indexed = (count: number): object => ({ completionMode: 'Indexed', completions: count, parallelism: count });
const onExit = (action: string): object => ({
  podFailurePolicy: { rules: [{ action, onExitCodes: { operator: 'In', values: [42] } }] },
});
const waitForGo = sh("trap 'exit 1' TERM; until [ -e /tmp/go ]; do usleep 50000; done");
const running = (job: RealWorkload, count: number): Promise<Shown[]> => job.ready(count);

describe('apps: Job with containers', () => {
  const restarting = node.workload('Job', 'restarting', {
    completions: 4,
    parallelism: 2,
    pod: {
      restartPolicy: 'OnFailure',
      containers: [
        sh('[ -e /kept/once ] || { touch /kept/once; exit 1; }', {
          volumeMounts: [{ name: 'kept', mountPath: '/kept' }],
        }),
      ],
      volumes: [{ name: 'kept', emptyDir: {} }],
    },
  });
  const parallel = node.workload('Job', 'parallel', { completions: 4, parallelism: 2, pod: once(idle()) });
  const adopting = node.workload('Job', 'adopting', { completions: 2, parallelism: 2, pod: once(idle()) });
  const numbered = node.workload('Job', 'numbered', {
    ...indexed(3),
    pod: once(sh('echo $JOB_COMPLETION_INDEX $(hostname)')),
  });
  const odd = node.workload('Job', 'odd', {
    ...indexed(4),
    backoffLimitPerIndex: 0,
    pod: once(sh('exit $((JOB_COMPLETION_INDEX % 2))')),
  });
  const again = node.workload('Job', 'again', {
    ...indexed(2),
    backoffLimitPerIndex: 1,
    pod: once(sh('exit $JOB_COMPLETION_INDEX')),
  });
  const most = node.workload('Job', 'most', {
    ...indexed(3),
    backoffLimitPerIndex: 0,
    maxFailedIndexes: 0,
    pod: once(sh("trap 'exit 3' TERM; [ $JOB_COMPLETION_INDEX = 1 ] && exit 1; sleep 3600 & wait")),
  });
  const failJob = node.workload('Job', 'fail-job', {
    ...onExit('FailJob'),
    backoffLimit: 6,
    parallelism: 2,
    completions: 2,
    completionMode: 'Indexed',
    pod: once(sh("trap 'exit 3' TERM; [ $JOB_COMPLETION_INDEX = 1 ] && exit 42; sleep 3600 & wait")),
  });
  const ignoring = node.workload('Job', 'ignoring', {
    ...strict,
    podFailurePolicy: {
      rules: [{ action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] }],
    },
    pod: once(waitForGo),
  });
  const failIndex = node.workload('Job', 'fail-index', {
    ...indexed(2),
    ...onExit('FailIndex'),
    backoffLimitPerIndex: 3,
    pod: once(sh('[ $JOB_COMPLETION_INDEX = 0 ] || exit 42')),
  });
  const winner = once(sh("trap 'exit 3' TERM; [ $JOB_COMPLETION_INDEX = 0 ] && exit 0; sleep 3600 & wait"));
  const someIndexes = node.workload('Job', 'some-indexes', {
    ...indexed(3),
    successPolicy: { rules: [{ succeededIndexes: '0' }] },
    pod: winner,
  });
  const byCount = node.workload('Job', 'by-count', {
    ...indexed(3),
    successPolicy: { rules: [{ succeededCount: 1 }] },
    pod: winner,
  });
  const allIndexes = node.workload('Job', 'all-indexes', {
    ...indexed(2),
    successPolicy: { rules: [{ succeededIndexes: '0-1' }] },
    pod: once(sh('exit 0')),
  });
  const suspended = node.workload('Job', 'suspended', { ...strict, suspend: true, pod: once(waitForGo) });

  it('completes though its containers fail and are restarted on the node', async () => {
    const { status } = await over(restarting, 'Complete');
    expect(status).toMatchObject({ succeeded: 4, uncountedTerminatedPods: {} });
    expect(status.failed).toBeUndefined();
    expect(restarting.pods.map((pod) => pod.status.containerStatuses[0].restartCount)).toEqual([1, 1, 1, 1]);
  });

  it('runs its pods in parallel, and its deletion takes them along', async () => {
    const pods = await running(parallel, 2);
    await parallel.until('its counts', ({ status }) => status.active === 2 && status.ready === 2);
    await parallel.delete('?propagationPolicy=Foreground');
    await Promise.all(namesOf(pods).map((name) => node.podCalled(name).gone()));
    await until(async () => (await node.api.send('GET', parallel.path)).status === 404, { what: 'the job to be gone' });
    expect(parallel.changes.filter(({ type }) => type === 'ADDED')).toHaveLength(2);
  });

  it('adopts an orphan that runs, and releases a pod that matches no more', async () => {
    const [first, second] = await running(adopting, 2);
    const orphan = node.podCalled(first.metadata.name);
    const ownerOf = ({ metadata }: Shown): string | undefined => metadata.ownerReferences?.[0]?.uid;
    const merge = 'application/merge-patch+json';
    const freed = await node.patch(orphan.path, { metadata: { ownerReferences: null } }, merge);
    expect(ownerOf(freed)).toBeUndefined();
    const isLater = ({ metadata }: Shown): boolean =>
      Number(metadata.resourceVersion) > Number(freed.metadata.resourceVersion);
    const back = await orphan.until('to be adopted', (pod) => isLater(pod) && ownerOf(pod) === ownerOf(first));
    expect(isReady(back)).toBe(true);
    const released = node.podCalled(second.metadata.name);
    const labels = Object.fromEntries(Object.keys(second.metadata.labels).map((key) => [key, null]));
    await node.patch(released.path, { metadata: { labels } }, merge);
    await released.until('to be released', (pod) => ownerOf(pod) === undefined);
    expect(namesOf(await running(adopting, 2))).toContain(orphan.name);
  });

  it('Indexed: each container knows its index, by annotation, variable and hostname', async () => {
    const { status } = await over(numbered, 'Complete');
    expect(status).toMatchObject({ succeeded: 3, completedIndexes: '0-2' });
    const told = numbered.pods.map(async (pod) => [indexOf(pod), await node.podCalled(pod.metadata.name).logs()]);
    expect(await Promise.all(told)).toEqual([0, 1, 2].map((index) => [index, `${index} numbered-${index}\n`]));
  });

  it('backoffLimitPerIndex: indexes whose containers fail do not end the others', async () => {
    const job = await over(odd, 'Failed');
    expect(job.status).toMatchObject({ succeeded: 2, failed: 2, completedIndexes: '0,2', failedIndexes: '1,3' });
    expect(reasonOf(job, 'Failed')).toBe('FailedIndexes');
  });

  it('maxFailedIndexes: the containers of all other indexes are ended', async () => {
    const job = await over(most, 'Failed');
    expect(job.status).toMatchObject({ failedIndexes: '1' });
    expect(reasonOf(job, 'Failed')).toBe('MaxFailedIndexesExceeded');
    expect(job.status.active).toBeUndefined();
  });

  it('podFailurePolicy: FailJob by the exit code of a container', async () => {
    const job = await over(failJob, 'Failed');
    expect(reasonOf(job, 'Failed')).toBe('PodFailurePolicy');
    const failed = failJob.pods.filter((pod) => indexOf(pod) === 1);
    expect(failed.map(exitCodesOf)).toEqual([[42]]);
    expect(job.status.active).toBeUndefined();
  });

  it('podFailurePolicy: Ignore of a pod that was evicted, whose container failed', async () => {
    const [first] = await running(ignoring, 1);
    const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: first.metadata.name } };
    await node.api.ask('POST', `${node.podCalled(first.metadata.name).path}/eviction`, body);
    await node.podCalled(first.metadata.name).gone();
    const [second] = await running(ignoring, 1);
    await node.podCalled(second.metadata.name).exec('touch /tmp/go');
    const { status } = await over(ignoring, 'Complete');
    expect(status.succeeded).toBe(1);
    expect(status.failed).toBeUndefined();
  });

  it('podFailurePolicy: FailIndex by the exit code, without another try', async () => {
    const job = await over(failIndex, 'Failed');
    expect(job.status).toMatchObject({ completedIndexes: '0', failedIndexes: '1', failed: 1 });
    expect(failIndex.pods.filter((pod) => indexOf(pod) === 1).map(exitCodesOf)).toEqual([[42]]);
  });

  it.each([
    ['some indexes', someIndexes],
    ['a count', byCount],
  ])('successPolicy by %s: containers that still run are ended', async (_what, job) => {
    const ended = await over(job, 'Complete');
    expect(typesOf(ended)).toEqual(['SuccessCriteriaMet', 'Complete']);
    expect(reasonOf(ended, 'Complete')).toBe('SuccessPolicy');
    expect(ended.status).toMatchObject({ completedIndexes: '0', succeeded: 1 });
    expect(job.pods.filter(({ status }) => status.phase === 'Running')).toEqual([]);
  });

  it('successPolicy by all indexes', async () => {
    const ended = await over(allIndexes, 'Complete');
    expect(reasonOf(ended, 'Complete')).toBe('SuccessPolicy');
    expect(ended.status).toMatchObject({ completedIndexes: '0,1', succeeded: 2 });
  });

  it('is resumed, suspended while its container runs, and completes when it is resumed again', async () => {
    await suspended.until('to be suspended', (job) => typesOf(job).includes('Suspended'));
    expect(suspended.changes).toEqual([]);
    await suspended.patch({ spec: { suspend: false } });
    const [first] = await running(suspended, 1);
    await suspended.patch({ spec: { suspend: true } });
    await node.podCalled(first.metadata.name).gone();
    const halted = await suspended.until('to be suspended again', (job) => typesOf(job).includes('Suspended'));
    expect(halted.status.active).toBeUndefined();
    await suspended.patch({ spec: { suspend: false } });
    const [second] = await running(suspended, 1);
    await node.podCalled(second.metadata.name).exec('touch /tmp/go');
    expect((await over(suspended, 'Complete')).status).toMatchObject({ succeeded: 1 });
  });

  it('backoffLimitPerIndex: an index is tried again after its back-off, and counts its failures', async () => {
    const job = await over(again, 'Failed');
    expect(job.status).toMatchObject({ completedIndexes: '0', failedIndexes: '1', failed: 2 });
    const tries = again.pods.filter((pod) => indexOf(pod) === 1);
    const counts = tries.map(({ metadata }) => metadata.annotations['batch.kubernetes.io/job-index-failure-count']);
    expect(counts.toSorted((a, b) => a - b)).toEqual(['0', '1']);
  });
});
