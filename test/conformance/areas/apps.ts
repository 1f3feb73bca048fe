import { behaviour, type Line } from './behaviour.ts';

export const apps: readonly Line[] = [
  {
    title: 'apps: ControllerRevision',
    behaviours: [behaviour(1, 'life of the revisions of a DaemonSet', /revision/i)],
  },
  {
    title: 'apps: CronJob',
    behaviours: [
      behaviour(1, 'several jobs at once where that is allowed', /allow|several|concurren/i),
      behaviour(1, 'no second job while one runs (Forbid)', /forbid/i),
      behaviour(1, 'the running job is replaced (Replace)', /replace/i),
      behaviour(1, 'no jobs while suspended', /suspend/i),
      behaviour(1, 'all verbs and the status', /verb|status|patch/i),
    ],
  },
  {
    title: 'apps: DaemonSet',
    behaviours: [
      behaviour(1, 'a pod on every node, made anew when it is deleted', /every node|deleted/i),
      behaviour(1, 'pods follow the node selector', /selector|label/i),
      behaviour(1, 'failed pods are replaced', /failed/i),
      behaviour(1, 'rolling update', /rolling|rolls|update/i),
      behaviour(1, 'going back without needless restarts', /back|undo/i),
      behaviour(1, 'list and deletion of a collection', /collection|list/i),
      behaviour(1, 'the status', /status/i),
    ],
  },
  {
    title: 'apps: Deployment',
    behaviours: [
      behaviour(1, 'Recreate', /recreate/i),
      behaviour(1, 'RollingUpdate', /rolling|rolls/i),
      behaviour(1, 'old replica sets are cleaned up', /history|clean/i),
      behaviour(1, 'rollover in the middle of a roll-out', /rollover|mid/i),
      behaviour(1, 'scaling in proportion', /proportion/i),
      behaviour(1, 'the scale', /scale subresource|\/scale|the scale/i),
      behaviour(1, 'the status', /status/i),
      behaviour(1, 'life with all verbs', /verb|life|patch/i),
    ],
  },
  {
    title: 'apps: PodDisruptionBudget',
    behaviours: [
      behaviour(1, 'all verbs', /verb|made|create/i),
      behaviour(1, 'deletion of a collection', /collection/i),
      behaviour(1, 'its status is computed', /status|counts|observes/i),
      behaviour(1, 'change of its status', /patch|replac|update/i),
      behaviour(1, 'evictions are refused until it allows them', /evict/i),
    ],
  },
  {
    title: 'apps: Job',
    behaviours: [
      behaviour(1, 'completes though containers fail and restart', /restart/i),
      behaviour(1, 'parallel pods; deletion takes them along', /parallel|delet/i),
      behaviour(1, 'adopts orphans, releases what does not match', /adopt|releas|orphan/i),
      behaviour(1, 'Indexed', /index/i),
      behaviour(1, 'the status', /status/i),
      behaviour(1, 'life with suspension', /suspend/i),
      behaviour(1, 'podFailurePolicy: FailJob on an exit code', /failjob/i),
      behaviour(1, 'podFailurePolicy: Ignore on DisruptionTarget', /ignore/i),
      behaviour(1, 'podFailurePolicy: FailIndex', /failindex/i),
      behaviour(1, 'backoffLimitPerIndex', /backofflimitperindex|index.*back-?off|back-?off.*index/i),
      behaviour(1, 'maxFailedIndexes', /maxfailedindexes/i),
      behaviour(1, 'successPolicy: all indexes', /success.*(all|every|without rules)/i),
      behaviour(1, 'successPolicy: some indexes', /success.*(index|some)/i),
      behaviour(1, 'successPolicy: a count', /success.*(count|number)/i),
    ],
  },
  {
    title: 'apps: ReplicaSet',
    behaviours: [
      behaviour(1, 'all replicas run and are kept', /kept|replica/i),
      behaviour(1, 'adopts and releases pods', /adopt|releas/i),
      behaviour(1, 'the scale', /scale/i),
      behaviour(1, 'the status', /status/i),
      behaviour(1, 'replace and patch', /replac|patch/i),
      behaviour(1, 'list and deletion of a collection', /collection|list/i),
    ],
  },
  {
    title: 'apps: ReplicationController',
    behaviours: [
      behaviour(1, 'all replicas run and are kept', /kept|replica/i),
      behaviour(1, 'a condition when a quota is exceeded', /quota|replicafailure|refus/i),
      behaviour(1, 'adopts matching pods', /adopt/i),
      behaviour(1, 'releases pods that do not match any more', /releas/i),
      behaviour(1, 'life with a watch', /watch|life|patch|status/i),
      behaviour(1, 'the scale', /scale/i),
    ],
  },
  {
    title: 'apps: StatefulSet',
    behaviours: [
      behaviour(1, 'scaling in order, halted by an unhealthy pod', /order|halt/i),
      behaviour(1, 'scaling in a burst (Parallel)', /parallel|burst/i),
      behaviour(1, 'rolling update and back', /rolling|rolls/i),
      behaviour(1, 'canary and phased updates by partition', /partition|canary/i),
      behaviour(1, 'evicted and failed pods are made anew', /evict|failed/i),
      behaviour(1, 'the scale', /scale subresource|\/scale|the scale/i),
      behaviour(1, 'the status', /status/i),
      behaviour(1, 'list, patch, deletion of a collection', /collection|patch/i),
    ],
  },
];

/** What `apps` shows with nodes in name only, once more with real containers: tests of the list are counted there. */
export const appsWithContainers: readonly Line[] = [
  {
    title: 'apps: DaemonSet with containers',
    behaviours: [
      behaviour(0, 'a pod on the node, made anew when it is deleted', /deleted/),
      behaviour(0, 'pods follow the node selector', /selector/),
      behaviour(0, 'failed pods are replaced', /failed/),
      behaviour(0, 'rolling update', /rolling/),
      behaviour(0, 'going back without needless restarts', /going back/),
    ],
  },
  {
    title: 'apps: Deployment with containers',
    behaviours: [
      behaviour(0, 'Recreate: no old and new containers at once', /Recreate/),
      behaviour(0, 'RollingUpdate behind a Service that answers', /RollingUpdate/),
      behaviour(0, 'old replica sets are cleaned up', /history/),
      behaviour(0, 'rollover in the middle of a roll-out', /rollover/),
    ],
  },
  {
    title: 'apps: Job with containers',
    behaviours: [
      behaviour(0, 'completes though containers fail and restart', /restarted/),
      behaviour(0, 'parallel pods; deletion takes them along', /parallel/),
      behaviour(0, 'adopts orphans, releases what does not match', /adopts/),
      behaviour(0, 'Indexed: annotation, variable, hostname', /^Indexed/),
      behaviour(0, 'life with suspension', /suspended/),
      behaviour(0, 'podFailurePolicy: FailJob on an exit code', /FailJob/),
      behaviour(0, 'podFailurePolicy: Ignore on DisruptionTarget', /Ignore/),
      behaviour(0, 'podFailurePolicy: FailIndex', /FailIndex/),
      behaviour(0, 'backoffLimitPerIndex', /backoffLimitPerIndex/),
      behaviour(0, 'maxFailedIndexes', /maxFailedIndexes/),
      behaviour(0, 'successPolicy: all indexes', /successPolicy by all/),
      behaviour(0, 'successPolicy: some indexes', /successPolicy by some/),
      behaviour(0, 'successPolicy: a count', /successPolicy by a count/),
    ],
  },
  ...['ReplicaSet', 'ReplicationController'].map((kind) => ({
    title: `apps: ${kind} with containers`,
    behaviours: [
      behaviour(0, 'each replica serves, and is replaced', /serves on each/),
      behaviour(0, 'adopts matching pods', /adopts/),
      behaviour(0, 'releases pods that do not match any more', /releases/),
    ],
  })),
  {
    title: 'apps: StatefulSet with containers',
    behaviours: [
      behaviour(0, 'scaling in order, halted by an unhealthy pod', /halts/),
      behaviour(0, 'scaling in a burst (Parallel)', /Parallel/),
      behaviour(0, 'rolling update and back', /^rolls/),
      behaviour(0, 'canary and phased updates by partition', /partition/),
      behaviour(0, 'evicted and failed pods are made anew', /made anew/),
    ],
  },
];
