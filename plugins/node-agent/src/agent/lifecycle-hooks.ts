/** lifecycle.postStart and lifecycle.preStop: exec, httpGet, tcpSocket, sleep. */
import type { Probe } from '@timonel/sdk/kube';
import { containerNamed, verdictOf } from '../plan/containers.ts';
import type { ProbeResult, ProbeTarget } from '../probes/probe-target.ts';
import { runHook } from '../probes/run-probe.ts';
import type { PodRecord } from './executor.ts';
import type { AgentServices } from './services.ts';

interface Hook extends Pick<Probe, 'exec' | 'httpGet' | 'tcpSocket'> {
  readonly sleep?: { readonly seconds: number };
}

type Moment = 'postStart' | 'preStop';

/** Of one container: its name, and the id of the try. */
interface Subject {
  readonly services: AgentServices;
  readonly record: PodRecord;
  readonly name: string;
  readonly id: string;
}

/** The kubelet sets no bound; a hook that takes longer than this is taken for stuck. */
const postStartLimitMs = 600_000;

function hookOf({ record, name }: Subject, moment: Moment): Hook | undefined {
  return containerNamed(record.pod(), name)?.lifecycle?.[moment] as Hook | undefined;
}

async function run({ services, record, name, id }: Subject, hook: Hook, limitMs: number): Promise<ProbeResult> {
  if (hook.sleep !== undefined) {
    await services.env.timers.sleep(Math.min(hook.sleep.seconds * 1000, limitMs));
    return { outcome: 'success', message: '' };
  }
  const target = (): ProbeTarget => {
    const container = containerNamed(record.pod(), name);
    if (container === undefined) throw new Error(`container ${name} is not in the pod any more`);
    const hostNetwork = record.pod().spec.hostNetwork === true;
    const address = hostNetwork ? services.nodeAddress() : (record.memory.attachment?.addresses[0] ?? '');
    return { container, containerId: id, address, runtime: record.runtime() };
  };
  return runHook(hook, target, limitMs, services.env);
}

/** Not why: what a hook printed may be secret, and events are for many eyes. */
function tellFailure({ services, record, name }: Subject, moment: Moment, message: string): void {
  const [reason, text] =
    moment === 'postStart'
      ? ['FailedPostStartHook', 'PostStartHook failed']
      : ['FailedPreStopHook', 'PreStopHook failed'];
  const pod = record.pod();
  services.event(pod, 'Warning', reason, text);
  const { name: podName, namespace } = pod.metadata;
  services.log.info({ pod: podName, namespace, container: name, hook: moment, error: message }, 'a hook failed');
}

/** Until it is done the container counts as not started; when it fails the container is stopped as an unhealthy one is. */
export function runPostStart(services: AgentServices, record: PodRecord, name: string, id: string): void {
  const subject = { services, record, name, id };
  const hook = hookOf(subject, 'postStart');
  const container = containerNamed(record.pod(), name);
  if (hook === undefined || container === undefined) return;
  const { hooks } = record.memory;
  hooks.add(id);
  const note = ({ outcome, message }: ProbeResult): void => {
    hooks.delete(id);
    if (outcome !== 'success' && record.containers.get(id)?.state === 'running') {
      tellFailure(subject, 'postStart', message);
      const before = verdictOf(record.view(), container, id);
      record.setVerdict(id, { ...before, ready: false, unhealthy: 'FailedPostStartHook' });
    }
    record.trigger();
  };
  run(subject, hook, postStartLimitMs).then(note, (error: unknown) => {
    hooks.delete(id);
    services.reportFault(error);
  });
}

/** Answers how many ms it took. A hook that fails or takes longer than the grace period does not save the container. */
export async function runPreStop(
  services: AgentServices,
  record: PodRecord,
  name: string,
  id: string,
  gracePeriodMs: number,
): Promise<number> {
  const subject = { services, record, name, id };
  const hook = hookOf(subject, 'preStop');
  if (hook === undefined) return 0;
  const begin = services.env.clock.monotonic();
  const { outcome, message } = await run(subject, hook, gracePeriodMs);
  if (outcome !== 'success') tellFailure(subject, 'preStop', message);
  return services.env.clock.monotonic() - begin;
}
