/** Why a pod waits for reasons that have nothing to do with nodes. */
import type { Clock } from '@timonel/sdk';
import type { ExternalScheduler, PodInfo } from '@timonel/sdk/contracts/scheduler';
import type { Cause } from '@timonel/sdk/contracts/why';
import type { Pod } from '@timonel/sdk/kube';
import type { LoggedDecision, PodExplainerParts, QueuedState } from './parts.ts';

const component = 'scheduler-host';

/** What is known of a pod that has no node. */
export interface Waiting {
  readonly pod: Pod;
  readonly info: PodInfo;
  readonly queued: QueuedState | undefined;
  readonly last: LoggedDecision | undefined;
}

export function timeText(clock: Clock, monotonicMs: number): string | undefined {
  if (!Number.isFinite(monotonicMs)) return undefined;
  return new Date(clock.now() + monotonicMs - clock.monotonic()).toISOString().replace(/\.\d+Z$/, 'Z');
}

function terminating({ pod }: Waiting): Cause[] {
  const { deletionTimestamp, finalizers = [] } = pod.metadata;
  if (deletionTimestamp === undefined) return [];
  const held = finalizers.length > 0;
  return [
    {
      component: 'api',
      code: 'terminating',
      text: `it is being deleted since ${deletionTimestamp}: no scheduler looks at it`,
      ...(held
        ? {
            detail: { finalizers },
            unblock: `finalizers hold it: ${finalizers.join(', ')}; whoever set them must take them off`,
          }
        : {}),
    },
  ];
}

function gated({ pod, queued }: Waiting): Cause[] {
  const gates = (pod.spec.schedulingGates ?? []).map(({ name }) => name);
  if (gates.length > 0) {
    const names = gates.join(', ');
    return [
      {
        component: 'scheduler',
        plugin: 'SchedulingGates',
        code: 'scheduling-gates',
        text: `it waits for its scheduling gates to be taken off: ${names}`,
        detail: { gates },
        unblock: `take ${names} out of spec.schedulingGates: this is for whoever set ${gates.length === 1 ? 'it' : 'them'} to do`,
      },
    ];
  }
  const gate = queued?.place === 'gated' ? queued.gate : undefined;
  if (gate === undefined) return [];
  return [
    {
      component: 'scheduler',
      code: gate.reasonCode ?? 'gated',
      text: gate.reason ?? 'it may not enter the queue as yet',
    },
  ];
}

function outside({ name, hint = '' }: ExternalScheduler): Cause {
  const where = hint === '' ? '' : ` (${hint})`;
  return {
    component: name,
    code: 'external-scheduler',
    text: `it waits for the scheduler "${name}", which runs outside${where}`,
    detail: { schedulerName: name, hint },
    unblock: `see whether ${name} runs, and what it says of the pod: kubectl describe pod`,
  };
}

function unclaimed({ info }: Waiting, { inCharge, externalNamed }: PodExplainerParts): Cause[] {
  const current = inCharge();
  const { schedulerName } = info.class;
  const external = externalNamed(schedulerName);
  if (external !== undefined && current?.profiles.has(schedulerName) !== true) return [outside(external)];
  if (current === undefined) {
    return [
      {
        component,
        code: 'no-scheduler',
        text: 'no scheduler is in charge',
        unblock: 'start one, for example: timonel plugin enable scheduler-default',
      },
    ];
  }
  if (current.profiles.has(schedulerName)) return [];
  const profiles = [...current.profiles];
  return [
    {
      component,
      code: 'other-scheduler',
      text: `it is left to the scheduler "${schedulerName}"; the one in charge here (${current.name}) takes ${profiles.join(', ')}`,
      detail: { schedulerName, inCharge: current.name, profiles: profiles.slice(0, 10) },
      unblock: `run a scheduler of the name ${schedulerName}, or make the pod anew with spec.schedulerName ${profiles[0] ?? 'default-scheduler'}`,
    },
  ];
}

function binding({ info, last }: Waiting, { assumedNode }: PodExplainerParts): Cause[] {
  const nodeName = assumedNode(info.uid);
  if (nodeName === undefined) return [];
  const since = last === undefined ? '' : `, chosen at ${last.at}`;
  return [
    {
      component,
      code: 'binding',
      text: `it is on its way to node ${nodeName}${since}: plugins of the scheduler prepare it, or the binding is being written`,
      nodes: { count: 1, names: [nodeName] },
    },
  ];
}

function victims({ info, last }: Waiting, { waitsForVictims }: PodExplainerParts): Cause[] {
  if (!waitsForVictims(info.uid)) return [];
  const decision = last?.decision.outcome === 'preempt' ? last.decision : undefined;
  const nodeName = decision?.nodeName ?? info.pod.status?.nominatedNodeName ?? '';
  const names = decision?.victims.map(({ namespace, name }) => `${namespace}/${name}`) ?? [];
  const which = names.length === 0 ? 'pods of lower priority' : names.slice(0, 5).join(', ');
  return [
    {
      component: 'scheduler',
      plugin: 'DefaultPreemption',
      code: 'waiting-for-victims',
      text: `it waits until ${which} ${names.length === 1 ? 'has' : 'have'} left node ${nodeName}`,
      nodes: { count: 1, names: [nodeName] },
      detail: { victims: decision?.victims.slice(0, 10) ?? [] },
      unblock: 'wait for their grace periods; their finalizers, if any, hold them',
    },
  ];
}

/** What went wrong with the last decision. */
function failure({ info, last }: Waiting, { failureOf }: PodExplainerParts): Cause[] {
  if (last?.decision.outcome === 'error') {
    const { plugin, message } = last.decision;
    const who = plugin === '' ? last.scheduler : plugin;
    return [
      {
        component: 'scheduler',
        plugin: who,
        code: 'scheduler-fault',
        text: `the last decision failed: ${message}`,
        unblock: `mend ${who}, or take another scheduler: timonel scheduler use scheduler-default`,
      },
    ];
  }
  const failed = failureOf(info.uid);
  if (failed === undefined || last?.decision.outcome !== 'bind') return [];
  const { what, nodeName, message, plugin, at } = failed;
  const seen = { nodes: { count: 1, names: [nodeName] }, detail: { at } };
  const unblock = 'it is tried again by itself';
  if (what === 'refused') {
    const text = `plugin ${plugin} refused it on node ${nodeName}: ${message}`;
    return [{ component: 'scheduler', plugin: plugin ?? '', code: 'refused', text, ...seen, unblock }];
  }
  return [
    { component, code: 'binding-failed', text: `its binding to node ${nodeName} failed: ${message}`, ...seen, unblock },
  ];
}

function group({ info, last }: Waiting): Cause[] {
  const { group } = info.class;
  const decision = last?.decision.outcome === 'unschedulable' ? last.decision : undefined;
  if (group === undefined || decision?.message === undefined) return [];
  const missing = decision.message.endsWith(' are there');
  return [
    {
      component: 'scheduler',
      code: missing ? 'pod-group-incomplete' : 'pod-group-too-large',
      text: decision.message,
      detail: { group: group.key, minMember: group.minMember },
      unblock: missing
        ? `make the missing pods of group ${group.key}, or lower its minimum of ${group.minMember}`
        : `make room for ${group.minMember} pods of group ${group.key} at once, or lower its minimum`,
    },
  ];
}

/** The root cause first. */
export function waitingCauses(waiting: Waiting, parts: PodExplainerParts): readonly Cause[] {
  return [
    ...terminating(waiting),
    ...gated(waiting),
    ...unclaimed(waiting, parts),
    ...binding(waiting, parts),
    ...victims(waiting, parts),
    ...failure(waiting, parts),
    ...group(waiting),
  ];
}

/** Nodes could take it, and still it waits. */
export function queueCause({ queued }: Waiting, feasibleNodes: number, { clock }: PodExplainerParts): Cause {
  const can = `${feasibleNodes} node${feasibleNodes === 1 ? '' : 's'} could take it`;
  const until = queued === undefined ? undefined : timeText(clock, queued.notBefore);
  const detail = queued === undefined ? {} : { attempts: queued.attempts };
  const cause = (code: string, text: string): Cause => ({ component, code, text: `${can}: ${text}`, detail });
  switch (queued?.place) {
    case 'active':
      return cause('queued', 'it waits for its turn');
    case 'deciding':
      return cause('deciding', 'it is being decided about');
    case 'backoff':
      return cause('back-off', `it is tried again at ${until}`);
    case 'unschedulable':
      return cause('retry', `it is tried again when something changes that may help, at the latest at ${until}`);
    default:
      return cause('queued', 'it is on its way to the queue');
  }
}
