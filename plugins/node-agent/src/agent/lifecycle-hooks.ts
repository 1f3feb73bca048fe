/** lifecycle.postStart and lifecycle.preStop: exec, httpGet, tcpSocket, sleep. */
import type { Probe } from '@timonel/sdk/kube';
import { containerNamed, verdictOf } from '../plan/containers.ts';
import { runAction, type ProbeResult } from '../probes/run-probe.ts';
import type { PodRecord } from './executor.ts';
import type { AgentServices } from './services.ts';

interface Hook extends Pick<Probe, 'exec' | 'httpGet' | 'tcpSocket'> {
  readonly sleep?: { readonly seconds: number };
}

/** The kubelet sets no bound; a hook that takes longer than this is taken for stuck. */
const postStartLimitMs = 600_000;

function hookOf(record: PodRecord, name: string, moment: 'postStart' | 'preStop'): Hook | undefined {
  return containerNamed(record.pod(), name)?.lifecycle?.[moment] as Hook | undefined;
}

async function run(
  services: AgentServices,
  record: PodRecord,
  name: string,
  id: string,
  hook: Hook,
  limitMs: number,
): Promise<ProbeResult> {
  if (hook.sleep !== undefined) {
    await services.env.timers.sleep(Math.min(hook.sleep.seconds * 1000, limitMs));
    return { success: true, message: '' };
  }
  const target = () => {
    const container = containerNamed(record.pod(), name);
    if (container === undefined) throw new Error(`container ${name} is not in the pod any more`);
    const hostNetwork = record.pod().spec.hostNetwork === true;
    const address = hostNetwork ? services.nodeAddress() : (record.memory.attachment?.addresses[0] ?? '');
    return { container, containerId: id, address, runtime: record.runtime() };
  };
  return runAction(hook, target, limitMs, services.env);
}

/** Runs beside the container; when it fails the container is stopped as an unhealthy one is. */
export function runPostStart(services: AgentServices, record: PodRecord, name: string, id: string): void {
  const hook = hookOf(record, name, 'postStart');
  const container = containerNamed(record.pod(), name);
  if (hook === undefined || container === undefined) return;
  const note = ({ success, message }: ProbeResult): void => {
    if (success || record.containers.get(id)?.state !== 'running') return;
    services.event(record.pod(), 'Warning', 'FailedPostStartHook', `PostStartHook failed: ${message}`);
    const unhealthy = `FailedPostStartHook: container ${name} will be restarted`;
    record.setVerdict(id, { ...verdictOf(record.view(), container, id), ready: false, unhealthy });
  };
  run(services, record, name, id, hook, postStartLimitMs).then(note, (error: unknown) => services.reportFault(error));
}

/** Answers how many ms it took. A hook that fails or takes longer than the grace period does not save the container. */
export async function runPreStop(
  services: AgentServices,
  record: PodRecord,
  name: string,
  id: string,
  gracePeriodMs: number,
): Promise<number> {
  const hook = hookOf(record, name, 'preStop');
  if (hook === undefined) return 0;
  const begin = services.env.clock.monotonic();
  const { success, message } = await run(services, record, name, id, hook, gracePeriodMs);
  if (!success) services.event(record.pod(), 'Warning', 'FailedPreStopHook', `PreStopHook failed: ${message}`);
  return services.env.clock.monotonic() - begin;
}
