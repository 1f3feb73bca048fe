/** Lives of Jobs and CronJobs under faults: see test/support/controller-faults.ts. */
import cronJobController from '@timonel/plugin-controller-cronjob';
import gcController from '@timonel/plugin-controller-gc';
import jobController from '@timonel/plugin-controller-job';
import ttlController from '@timonel/plugin-controller-ttlafterfinished';
import { cronJobs, jobs, pods, type Job, type JobSpec, type Pod } from '@timonel/sdk/kube';
import { describeFaults, type Life } from '../support/controller-faults.ts';

const template = (...command: string[]): JobSpec['template'] => ({
  metadata: { labels: { app: 'work' } },
  spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'work:1', command }] },
});

const finished = ({ status }: Job, type: string): boolean =>
  status?.conditions?.some((condition) => condition.type === type && condition.status === 'True') ?? false;

const indexOf = ({ metadata }: Pod): string => metadata.annotations?.['batch.kubernetes.io/job-completion-index'] ?? '';

async function gone({ api, namespace, reached }: Life): Promise<void> {
  await reached('the end', async () => {
    const left = [await api.list(pods, { namespace }), await api.list(jobs, { namespace })];
    return left.every(({ items }) => items.length === 0);
  });
}

describeFaults({
  name: 'job',
  controllers: [jobController],
  healthy: [gcController],
  nodes: 1,
  scheduler: false,
  counted: [pods, jobs],
  // Six indexes; three pods of the suspended one are made twice; index 3 fails once.
  faultless: { pods: { made: 10, deleted: 10 }, jobs: { made: 1, deleted: 1 } },
  /** An Indexed Job: suspended while its first pods run, resumed; one of its pods fails; it completes and is deleted. */
  async life(life) {
    const { api, namespace, kubelet, clock, reached, rests, remember } = life;
    const at = { namespace, name: 'work' };
    const get = (): Promise<Job> => api.get(jobs, at);
    const active = async (): Promise<Pod[]> =>
      (await api.list(pods, { namespace })).items.filter(
        ({ metadata, status }) => metadata.deletionTimestamp === undefined && status?.phase === 'Running',
      );
    const job: Job = {
      metadata: at,
      spec: { completions: 6, parallelism: 3, completionMode: 'Indexed', backoffLimit: 3, template: template() },
    };
    await api.create(jobs, job);
    await reached('three pods', async () => (await active()).length === 3 && (await get()).status?.active === 3);
    await api.patch(jobs, at, { type: 'merge', body: { spec: { suspend: true } } });
    await reached('no pods', async () => {
      const { status } = await get();
      return (status?.active ?? 0) === 0 && (await api.list(pods, { namespace })).items.length === 0;
    });
    await api.patch(jobs, at, { type: 'merge', body: { spec: { suspend: false } } });
    const failed = new Set<string>();
    await reached('completion', async () => {
      for (const pod of await active()) {
        const fails = indexOf(pod) === '3' && failed.size === 0;
        if (fails) failed.add(pod.metadata.uid ?? '');
        kubelet.finish(pod, failed.has(pod.metadata.uid ?? '') ? 1 : 0);
      }
      // The back-off of the failed one.
      await clock.advance(1_000);
      return finished(await get(), 'Complete');
    });
    const { status } = await get();
    const { succeeded, failed: failures, completedIndexes, uncountedTerminatedPods } = status ?? {};
    remember('status', { succeeded, failures, completedIndexes, uncountedTerminatedPods });
    await reached('all pods to be let go', async () => {
      const { items } = await api.list(pods, { namespace });
      return items.every(({ metadata }) => (metadata.finalizers ?? []).length === 0);
    });
    await rests();
    await api.delete(jobs, at, { propagationPolicy: 'Background' });
    await gone(life);
  },
});

describeFaults({
  name: 'cronjob',
  controllers: [cronJobController, ttlController],
  healthy: [jobController, gcController],
  startMs: Date.UTC(2030, 0, 1, 11, 59, 50),
  counted: [pods, jobs],
  faultless: { pods: { made: 5, deleted: 5 }, jobs: { made: 5, deleted: 5 } },
  restMs: 20_000,
  /** Five times of the schedule; of its jobs the last two are kept, until their time to live is over. */
  async life(life) {
    const { api, namespace, clock, reached, rests, remember } = life;
    const at = { namespace, name: 'tick' };
    await api.create(cronJobs, {
      metadata: at,
      spec: {
        schedule: '* * * * *',
        timeZone: 'Etc/UTC',
        concurrencyPolicy: 'Forbid',
        successfulJobsHistoryLimit: 2,
        jobTemplate: { spec: { ttlSecondsAfterFinished: 300, template: template('fake:exit', '0') } },
      },
    });
    const made = new Set<string>();
    const firstMs = Math.ceil(clock.env.clock.now() / 60_000) * 60_000;
    await reached('five jobs', async () => {
      const { items } = await api.list(jobs, { namespace });
      for (const { metadata } of items) made.add(metadata.name ?? '');
      const allFinished = items.every((job) => finished(job, 'Complete'));
      if (made.size === 5 && items.length === 2 && allFinished) return true;
      // No further time of the schedule comes before everything is done for the last one.
      const { status } = await api.get(cronJobs, at);
      const minute = Math.floor(clock.env.clock.now() / 60_000) * 60_000;
      const isDone = minute < firstMs || Date.parse(status?.lastScheduleTime ?? '') === minute;
      if (isDone && allFinished && made.size < 5) await clock.advance(15_000);
      return false;
    });
    await api.patch(cronJobs, at, { type: 'merge', body: { spec: { suspend: true } } });
    remember(
      'names',
      [...made].map((name) => name.replace(/\d+$/, '')),
    );
    await reached('none to be active', async () => (await api.get(cronJobs, at)).status?.active === undefined);
    await rests();
    await reached('the time to live of all', async () => {
      await clock.advance(30_000);
      return (await api.list(jobs, { namespace })).items.length === 0;
    });
    await api.delete(cronJobs, at, { propagationPolicy: 'Background' });
    await gone(life);
  },
});
