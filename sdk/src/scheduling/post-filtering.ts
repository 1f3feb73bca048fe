/** What plugins can do for a pod that fits nowhere: preemption. */
import type {
  Decision,
  NodeRejection,
  PodInfo,
  PostFilterContext,
  PostFilterResult,
} from '../contracts/scheduler/index.ts';
import type { Cycle, Findings } from './cycle.ts';

function contextOf(cycle: Cycle, pod: PodInfo, findings: Findings, rejections: PostFilterContext['rejections']) {
  const { state } = cycle;
  let made: ReturnType<Cycle['rowCheck']> | undefined;
  const check = (): NonNullable<typeof made> => (made ??= cycle.rowCheck(pod));
  const context: PostFilterContext = {
    view: state,
    rejections,
    get resolvableRows() {
      return findings.resolvableRows();
    },
    get rowsAlone() {
      return check().rowsAlone;
    },
    rowVersion: (row) => state.changes.versionOf(row),
    trial: (row, work) => {
      // PreFilter sees the cluster before pods are taken off.
      const of = check();
      return state.trial(row, (change) => work({ ...change, fits: () => of.fits(row) }));
    },
  };
  return context;
}

interface Tried {
  readonly why: string | undefined;
  readonly preempt: Extract<PostFilterResult, { outcome: 'preempt' }> | undefined;
}

function tryPlugins(cycle: Cycle, pod: PodInfo, findings: Findings, rejections: readonly NodeRejection[]): Tried {
  const plugins = cycle.profile.all.filter(
    (plugin) => plugin.postFilter !== undefined && !cycle.guard.isOut(plugin.name),
  );
  if (plugins.length === 0 || findings.refusal !== undefined) return { why: undefined, preempt: undefined };
  const context = contextOf(cycle, pod, findings, rejections);
  let why: string | undefined;
  for (const plugin of plugins) {
    const result = cycle.guard.call(plugin.name, () => plugin.postFilter?.(pod, context));
    if (result?.outcome === 'nothing') why ??= result.why;
    if (result?.outcome !== 'preempt') continue;
    if ((cycle.state.names[result.row] ?? '') !== '') return { why, preempt: result };
    throw cycle.guard.fault(plugin.name, `nominated the row ${result.row}, which has no node`);
  }
  return { why, preempt: undefined };
}

/**
 * The decision with what PostFilter found. The pod is counted on the node that it was nominated for, until the next sync.
 * @throws PluginFault
 */
export function afterFilters(cycle: Cycle, pod: PodInfo, decision: Decision, findings: Findings): Decision {
  if (decision.outcome !== 'unschedulable') return decision;
  const { why, preempt } = tryPlugins(cycle, pod, findings, decision.rejections);
  if (preempt === undefined) return why === undefined ? decision : { ...decision, preemption: why };
  cycle.state.nominate(preempt.row, pod);
  const { podUid, rejections } = decision;
  const nodeName = cycle.state.names[preempt.row] ?? '';
  return { outcome: 'preempt', podUid, nodeName, victims: preempt.victims, rejections };
}

/** In words. @throws PluginFault */
export function triedPreemption(cycle: Cycle, pod: PodInfo, findings: Findings): string {
  const { why, preempt } = tryPlugins(cycle, pod, findings, findings.rejections());
  if (preempt === undefined) return why ?? 'no plugin of this profile preempts';
  const names = preempt.victims.map(({ namespace, name }) => `${namespace}/${name}`);
  return `would remove ${names.join(', ')} from node ${cycle.state.names[preempt.row]}`;
}
