/** Why a pod that has a node does not run: from its own status, and its node's. */
import type { Cause } from '@timonel/sdk/contracts/why';
import type { Condition, Node, Pod, PodContainerStatus } from '@timonel/sdk/kube';

const component = 'node';

type Where = 'init container' | 'container';

function nodeTrouble(nodeName: string, node: Node | undefined): Cause[] {
  const nodes = { count: 1, names: [nodeName] };
  if (node === undefined) {
    return [
      {
        component,
        code: 'node-gone',
        text: `its node ${nodeName} does not exist any more`,
        nodes,
        unblock: 'delete the pod, so that its owner makes another',
      },
    ];
  }
  const ready = node.status?.conditions?.find(({ type }) => type === 'Ready');
  if (ready === undefined || ready.status === 'True') return [];
  const { reason = '', message = '', lastTransitionTime: since } = ready;
  const why = [reason, message].filter((part) => part !== '').join(': ');
  const text = `its node ${nodeName} is not ready${why === '' ? '' : `: ${why}`}`;
  return [
    {
      component,
      code: 'node-not-ready',
      text,
      nodes,
      detail: { since, status: ready.status },
      unblock: `bring node ${nodeName} back`,
    },
  ];
}

function terminating({ metadata: { deletionTimestamp, finalizers = [] }, spec }: Pod): Cause[] {
  if (deletionTimestamp === undefined) return [];
  const held = finalizers.length > 0;
  const text = `it is being deleted, to be gone by ${deletionTimestamp}`;
  const unblock = held
    ? `finalizers hold it: ${finalizers.join(', ')}; whoever set them must take them off`
    : 'its containers are being stopped';
  return [
    {
      component: 'api',
      code: 'terminating',
      text,
      detail: { finalizers, graceSeconds: spec.terminationGracePeriodSeconds },
      unblock,
    },
  ];
}

const imageReasons: ReadonlySet<string> = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'ErrImageNeverPull',
  'InvalidImageName',
  'ImageInspectError',
]);

const imageAdvice: Readonly<Record<string, string>> = {
  ErrImageNeverPull: 'import the image on the node, or change imagePullPolicy',
  InvalidImageName: 'mend the name of the image',
};

function imageCause(status: PodContainerStatus, where: Where): Cause {
  const { reason = '', message = '' } = status.state.waiting ?? {};
  const advice = Object.hasOwn(imageAdvice, reason) ? imageAdvice[reason] : undefined;
  return {
    component,
    code: 'image-unavailable',
    text: `the image of ${where} ${status.name} is not to be had (${reason})${message === '' ? '' : `: ${message}`}`,
    detail: { container: status.name, image: status.image, reason },
    unblock: advice ?? `check the name ${status.image}, and that the node can reach or already has it`,
  };
}

function endText({ exitCode, signal, reason }: NonNullable<PodContainerStatus['state']['terminated']>): string {
  const how = signal === undefined || signal === 0 ? `exit code ${exitCode}` : `signal ${signal}`;
  return reason === undefined || reason === 'Error' || reason === 'Completed' ? how : `${reason}, ${how}`;
}

function crashCause(status: PodContainerStatus, where: Where): Cause {
  const end = status.lastState.terminated ?? status.state.terminated;
  const isMemory = end?.reason === 'OOMKilled';
  const why = end === undefined ? 'it ends again and again' : `it ended with ${endText(end)}`;
  const message = end?.message === undefined || end.message === '' ? '' : `: ${end.message}`;
  const log = where === 'container' ? 'kubectl logs --previous' : `kubectl logs -c ${status.name}`;
  return {
    component,
    code: isMemory ? 'out-of-memory' : 'crash-loop',
    text: `${where} ${status.name} crashes: ${why}, restarted ${status.restartCount} times${message}`,
    detail: { container: status.name, exitCode: end?.exitCode, reason: end?.reason, restarts: status.restartCount },
    unblock: isMemory ? `give ${status.name} a higher memory limit, or make it use less` : `look at its output: ${log}`,
  };
}

function waitingCause(status: PodContainerStatus, where: Where): Cause[] {
  const { reason = '', message = '' } = status.state.waiting ?? {};
  if (imageReasons.has(reason)) return [imageCause(status, where)];
  if (reason === 'CrashLoopBackOff') return [crashCause(status, where)];
  const detail = { container: status.name, reason };
  if (reason === '' || reason === 'ContainerCreating' || reason === 'PodInitializing') {
    const text = `${where} ${status.name} waits for a volume: ${message}`;
    return message === '' ? [] : [{ component, code: 'volume-mount', text, detail }];
  }
  const code = reason === 'CreateContainerConfigError' ? 'container-config' : 'container-start';
  const text = `${where} ${status.name} cannot start (${reason})${message === '' ? '' : `: ${message}`}`;
  return [{ component, code, text, detail }];
}

function failedEnd(status: PodContainerStatus, where: Where): Cause[] {
  const { terminated } = status.state;
  if (terminated === undefined || terminated.exitCode === 0) return [];
  if (terminated.reason === 'OOMKilled') return [crashCause(status, where)];
  const message = terminated.message === undefined || terminated.message === '' ? '' : `: ${terminated.message}`;
  const text = `${where} ${status.name} failed with ${endText(terminated)}${message}`;
  const detail = { container: status.name, exitCode: terminated.exitCode, reason: terminated.reason };
  return [
    {
      component,
      code: 'container-failed',
      text,
      detail,
      unblock: `look at its output: kubectl logs -c ${status.name}`,
    },
  ];
}

function containerCauses(statuses: readonly PodContainerStatus[] | undefined, where: Where): Cause[] {
  return (statuses ?? []).flatMap((status) => [...waitingCause(status, where), ...failedEnd(status, where)]);
}

function initRunning({ spec, status }: Pod): Cause[] {
  const sidecars = new Set(
    (spec.initContainers ?? []).flatMap(({ name, restartPolicy }) => (restartPolicy === 'Always' ? [name] : [])),
  );
  const running = status?.initContainerStatuses?.find(
    ({ name, state }) => !sidecars.has(name) && state.running !== undefined,
  );
  if (running === undefined) return [];
  const since = running.state.running?.startedAt;
  const text = `init container ${running.name} still runs${since === undefined ? '' : `, since ${since}`}`;
  return [{ component, code: 'init-container-running', text, detail: { container: running.name, since } }];
}

function claimNames({ spec, metadata }: Pod): string[] {
  return (
    (spec['volumes'] as
      | readonly { name: string; persistentVolumeClaim?: { claimName: string }; ephemeral?: unknown }[]
      | undefined) ?? []
  ).flatMap(({ name, persistentVolumeClaim, ephemeral }) => {
    if (persistentVolumeClaim !== undefined) return [persistentVolumeClaim.claimName];
    return ephemeral === undefined ? [] : [`${metadata.name}-${name}`];
  });
}

const condition = ({ status }: Pod, type: string): Condition | undefined =>
  status?.conditions?.find((candidate) => candidate.type === type);

/** Nothing of it has begun as yet. */
function starting(pod: Pod): Cause[] {
  const all = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  if (all.some(({ state }) => state.running !== undefined || state.terminated !== undefined)) return [];
  const nodeName = pod.spec.nodeName ?? '';
  const nodes = { count: 1, names: [nodeName] };
  if (all.length === 0) {
    return [
      {
        component,
        code: 'node-has-not-begun',
        text: `node ${nodeName} has not begun with it`,
        nodes,
        unblock: `see whether the agent of node ${nodeName} runs`,
      },
    ];
  }
  const claims = claimNames(pod);
  const sandbox = condition(pod, 'PodReadyToStartContainers');
  if (claims.length > 0 && sandbox?.status !== 'True') {
    return [
      {
        component,
        code: 'waiting-for-volumes',
        text: `node ${nodeName} prepares it: its volumes may not be there yet`,
        nodes,
        detail: { claims },
      },
    ];
  }
  return [{ component, code: 'starting', text: `node ${nodeName} is making its containers`, nodes }];
}

function notReady(pod: Pod): Cause[] {
  if (pod.status?.phase !== 'Running' || condition(pod, 'Ready')?.status === 'True') return [];
  const unready = (pod.status.containerStatuses ?? []).filter(
    ({ ready, state }) => !ready && state.running !== undefined,
  );
  const gates = (pod.spec.readinessGates ?? []).map(({ conditionType }) => conditionType);
  const missing = gates.filter((type) => condition(pod, type)?.status !== 'True');
  const names = unready.map(({ name }) => name);
  return [
    ...(names.length === 0
      ? []
      : [
          {
            component,
            code: 'not-ready',
            text: `not ready: ${names.join(', ')}`,
            detail: { containers: names },
            unblock: 'see what their readiness probes ask for',
          },
        ]),
    ...(missing.length === 0
      ? []
      : [
          {
            component,
            code: 'readiness-gate',
            text: `its readiness gates are not met: ${missing.join(', ')}`,
            detail: { gates: missing },
          },
        ]),
  ];
}

function failedPhase({ status }: Pod): Cause[] {
  if (status?.phase !== 'Failed' || (status.reason ?? '') === '') return [];
  const message = (status.message ?? '') === '' ? '' : `: ${status.message}`;
  const code = status.reason === 'Evicted' ? 'evicted' : 'failed';
  return [{ component, code, text: `it failed (${status.reason})${message}`, detail: { reason: status.reason } }];
}

/** The root cause first. Empty: it runs, or has done its work. */
export function boundCauses(pod: Pod, node: Node | undefined): readonly Cause[] {
  const { status, spec } = pod;
  const init = containerCauses(status?.initContainerStatuses, 'init container');
  const main = containerCauses(status?.containerStatuses, 'container');
  if (status?.phase === 'Succeeded') return [];
  if (status?.phase === 'Failed') return [...failedPhase(pod), ...init, ...main];
  const trouble = nodeTrouble(spec.nodeName ?? '', node);
  const troubles = [...init, ...main];
  const progress = troubles.length > 0 ? [] : [...initRunning(pod), ...starting(pod)];
  return [...trouble, ...terminating(pod), ...troubles, ...progress, ...notReady(pod)];
}

/** As kubectl shows it. */
export function boundState(pod: Pod): string {
  const { status, metadata } = pod;
  if (metadata.deletionTimestamp !== undefined) return 'Terminating';
  const waiting = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])].flatMap(
    ({ state }) => state.waiting?.reason ?? [],
  );
  const telling = waiting.find((reason) => reason !== 'ContainerCreating' && reason !== 'PodInitializing');
  return (
    telling ??
    status?.reason ??
    (status?.phase === 'Pending' ? (waiting[0] ?? 'Scheduled') : (status?.phase ?? 'Scheduled'))
  );
}
