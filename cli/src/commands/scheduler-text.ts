/** What commands about schedulers print. */
import type { PluginInfo, SwapReport } from '@timonel/sdk';
import type { ExternalScheduler } from '@timonel/sdk/contracts/scheduler';
import type {
  DecisionSummary,
  PlacementDifference,
  SchedulingStatus,
  ShadowFigures,
  ShadowReport,
} from '@timonel/sdk/contracts/scheduler-shadow';
import { formatAge, formatTable } from '../output/table.ts';

/** One scheduler, with the part that it plays. */
export interface SchedulerItem extends Pick<PluginInfo, 'name' | 'version' | 'description' | 'reason'> {
  /** `outside`: no plugin, but a program elsewhere. */
  readonly state: PluginInfo['state'] | 'outside';
  readonly inCharge: boolean;
  readonly shadow: SchedulingStatus['shadow'];
  readonly probation: { readonly previous: string; readonly endsInMs: number } | null;
  readonly lastFallBack: { readonly reason: string; readonly at: string } | null;
}

/** `status`: absent when the cluster does not tell. */
export function schedulerItems(
  plugins: readonly PluginInfo[],
  provider: string | null,
  status?: SchedulingStatus,
): SchedulerItem[] {
  const own = plugins
    .filter((plugin) => plugin.provides.includes('scheduler'))
    .map(({ name, version, state, description, reason }) => {
      const { shadow, probation, lastFallBack } = status ?? {};
      return {
        name,
        version,
        state,
        description,
        reason,
        inCharge: name === provider,
        shadow: shadow?.scheduler === name ? shadow : null,
        probation: probation?.plugin === name ? { previous: probation.previous, endsInMs: probation.endsInMs } : null,
        lastFallBack: lastFallBack?.plugin === name ? { reason: lastFallBack.reason, at: lastFallBack.at } : null,
      };
    });
  return [...own, ...(status?.external ?? []).map(outsideItem)];
}

const outsideItem = ({ name, hint = '' }: ExternalScheduler): SchedulerItem => ({
  name,
  version: '-',
  state: 'outside',
  description: hint,
  reason: undefined,
  inCharge: false,
  shadow: null,
  probation: null,
  lastFallBack: null,
});

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
const number = (value: number): string => value.toLocaleString('en-US', { maximumFractionDigits: 1 });

function msText(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`;
  return `${ms < 10 ? ms.toFixed(2) : Math.round(ms)} ms`;
}

function roleOf({ inCharge, shadow, probation, state }: SchedulerItem): string {
  if (state === 'outside') return 'pods of its name wait for it';
  const roles: string[] = [];
  if (inCharge) roles.push('in charge');
  if (probation !== null) {
    roles.push(`on probation for ${Math.ceil(probation.endsInMs / 1000)} s (before: ${probation.previous})`);
  }
  if (shadow?.state === 'running') roles.push(`in shadow (agrees in ${percent(shadow.agreement.share)})`);
  if (shadow?.state === 'ended' && !inCharge) roles.push('its shadow has ended');
  return roles.join(', ') || '-';
}

function reasonOf({ lastFallBack, shadow, reason, inCharge }: SchedulerItem, now: number): string {
  if (lastFallBack !== null) return `${lastFallBack.reason} (${formatAge(lastFallBack.at, now)} ago)`;
  if (shadow?.state === 'ended' && !inCharge) return shadow.reason ?? '';
  return reason ?? '';
}

export function schedulersText(items: readonly SchedulerItem[], now: number): string {
  return formatTable(
    ['', 'NAME', 'VERSION', 'STATE', 'ROLE', 'DESCRIPTION', 'REASON'],
    items.map((item) => [
      item.inCharge ? '*' : '',
      item.name,
      item.version,
      item.state,
      roleOf(item),
      item.description,
      reasonOf(item, now),
    ]),
  );
}

export function swapText({ from, to, pauseMs, heldCalls }: SwapReport): string {
  return `${from} → ${to}: paused for ${pauseMs.toFixed(1)} ms, ${heldCalls} calls held back, none lost`;
}

type Line = readonly [string, (figures: ShadowFigures) => string];

const pair = (p50: number, p99: number): string => `${msText(p50)} / ${msText(p99)}`;

const lines: readonly Line[] = [
  ['Bound', ({ bound }) => number(bound)],
  ['Unschedulable', ({ unschedulable }) => number(unschedulable)],
  ['Errors', ({ errors }) => number(errors)],
  ['Preemptions (victims)', ({ preemptions, victims }) => `${number(preemptions)} (${number(victims)})`],
  ['Decision of a batch, p50 / p99', ({ decisionTimes: { p50Ms, p99Ms } }) => pair(p50Ms, p99Ms)],
  ['Decision of a pod, p50 / p99', ({ decisionTimes: { perPodP50Ms, perPodP99Ms } }) => pair(perPodP50Ms, perPodP99Ms)],
  ['Pending until bound, p50 / p99', ({ pending: { p50Ms, p99Ms } }) => pair(p50Ms, p99Ms)],
  ['Still waiting', ({ pending }) => number(pending.waiting)],
  ['Nodes in use', ({ shape }) => number(shape.nodesInUse)],
  ['CPU requested there', ({ shape }) => percent(shape.cpuUtilisation)],
  ['Memory requested there', ({ shape }) => percent(shape.memoryUtilisation)],
  ['Free CPU in useless pieces', ({ shape }) => percent(shape.fragmentation)],
  ['Deviation of CPU over nodes', ({ shape }) => percent(shape.cpuDeviation)],
  [
    'Pods on a node, mean ± deviation',
    ({ shape: { podsPerNode } }) => `${number(podsPerNode.mean)} ± ${number(podsPerNode.deviation)}`,
  ],
  ['Pods on the fullest node', ({ shape }) => number(shape.podsPerNode.most)],
];

const plural = (count: number, what: string): string => `${number(count)} ${what}${count === 1 ? '' : 's'}`;

function head(report: ShadowReport, now: number): string[] {
  const { live, candidate, batches, pods, agreement, faults } = report;
  const state =
    report.state === 'running'
      ? `${candidate.scheduler} is in shadow of ${live.scheduler} for ${formatAge(report.startedAt, now)}`
      : `The shadow run of ${candidate.scheduler} has ended: ${report.reason ?? ''}`;
  const notSeen =
    batches.skipped === 0
      ? ''
      : `; ${plural(batches.skipped, 'batch').replace('batchs', 'batches')} with ${plural(pods.skipped, 'pod')} skipped for want of time`;
  const foreign = pods.foreign === 0 ? '' : `; ${plural(pods.foreign, 'pod')} of other schedulers' names left out`;
  const { same, tied, otherNode, otherOutcome } = agreement;
  return [
    state,
    `Compared: ${plural(agreement.decisions, 'decision')}${notSeen}${foreign}`,
    `Agreement: ${percent(agreement.share)} (${number(same)} the same, ${number(tied)} on nodes that are as good, ${number(otherNode)} on another node, ${number(otherOutcome)} of another outcome)`,
    ...(faults.count === 0
      ? []
      : [`Faults: ${faults.count} of at most ${faults.limit}; the last one: ${faults.last[0] ?? ''}`]),
  ];
}

function placed({ outcome, nodeName = '', victims }: DecisionSummary): string {
  if (outcome === 'bind') return nodeName;
  if (outcome === 'preempt') return `${nodeName} (${plural(victims, 'victim')})`;
  return outcome === 'error' ? 'error' : 'none';
}

function differencesText(report: ShadowReport, limit: number): string[] {
  const { differences, live, candidate } = report;
  if (differences.length === 0) return [];
  const shown = differences.slice(0, limit);
  const row = (difference: PlacementDifference): string[] => [
    `${difference.namespace}/${difference.name}`,
    placed(difference.live),
    placed(difference.candidate),
    difference.why,
  ];
  const more = differences.length > shown.length ? `, --all shows ${differences.length}` : '';
  return [
    `Differences (the last ${shown.length}${more}):`,
    formatTable(['POD', live.scheduler.toUpperCase(), candidate.scheduler.toUpperCase(), 'WHY'], shown.map(row)),
  ];
}

/** `differences`: so many at most. */
export function diffText(report: ShadowReport, now: number, differences: number): string {
  const { live, candidate } = report;
  const table = formatTable(
    ['', live.scheduler.toUpperCase(), candidate.scheduler.toUpperCase()],
    lines.map(([what, of]) => [what, of(live), of(candidate)]),
  );
  const tail = differencesText(report, differences);
  return [...head(report, now), '', table, ...(tail.length === 0 ? [] : ['', ...tail])].join('\n');
}
