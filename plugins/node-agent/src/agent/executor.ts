/** Carries out the actions of a plan for one pod and notes what came of them in the pod's memory. */
import { mkdir, rm } from 'node:fs/promises';
import { errorMessage } from '@timonel/sdk';
import type { ContainerRuntime, ContainerStatus, SandboxStatus, UserNamespace } from '@timonel/sdk/contracts/runtime';
import { isConflict, isNotFound, pods, type Pod } from '@timonel/sdk/kube';
import { unknownGroupFault } from '../admission/known-groups.ts';
import { ConfigError } from '../container/config-error.ts';
import { networkRequest } from '../container/network-request.ts';
import { sandboxConfig } from '../container/sandbox-config.ts';
import { startImages } from '../images/start-images.ts';
import { removeLog } from '../logs/remove-log.ts';
import type { Action } from '../plan/actions.ts';
import { afterRestart } from '../plan/back-off.ts';
import type { PodMemory, PodView, ProbeVerdict } from '../plan/view.ts';
import { containerNamed, runningTry } from '../plan/containers.ts';
import { removePodDirectory } from '../volumes/pod-directories.ts';
import { referenceOf } from '../volumes/served-volumes.ts';
import { runPostStart, runPreStop } from './lifecycle-hooks.ts';
import { logDirectoryOf, podDirectory, volumesDirectory } from './directories.ts';
import type { AgentServices } from './services.ts';
import { startContainer, startCreated, type StartResult } from './start-container.ts';
import { startFailure } from './start-failure.ts';

/** The state of one pod's worker, as the executor reads and changes it. */
export interface PodRecord {
  readonly memory: PodMemory;
  readonly sandboxes: Map<string, SandboxStatus>;
  readonly containers: Map<string, ContainerStatus>;
  view(): PodView;
  setVerdict(containerId: string, verdict: ProbeVerdict): void;
  pod(): Pod;
  runtime(): ContainerRuntime;
  chooseRuntime(): Promise<ContainerRuntime>;
  reportFinalStatus(): Promise<void>;
  /** Tries once more to tell the last status where that failed. */
  catchUpStatus(): Promise<void>;
  /** Plan again soon: something ended outside of the plan's own steps. */
  trigger(): void;
}

const firstDelayMs = 1000;
const longestDelayMs = 60_000;

export async function execute(services: AgentServices, record: PodRecord, action: Action): Promise<void> {
  const { memory } = record;
  switch (action.type) {
    case 'create-sandbox':
      return createSandbox(services, record, action.attempt);
    case 'stop-sandbox':
      await record.runtime().stopSandbox(action.sandboxId);
      return markStopped(record, action.sandboxId);
    case 'remove-sandbox':
      await record.runtime().removeSandbox(action.sandboxId);
      return forgetSandbox(record, action.sandboxId);
    case 'attach-network':
      return attachNetwork(services, record, action.sandboxId, action.networkNamespace);
    case 'detach-network':
      await services.network.detach(action.sandboxId);
      if (memory.attachment?.sandboxId === action.sandboxId) memory.attachment = undefined;
      return;
    case 'start-container':
      return start(services, record, action.container, action.attempt);
    case 'resume-container':
      return resume(services, record, action.container, action.containerId);
    case 'stop-container':
      return stop(services, record, action);
    case 'remove-container':
      return removeContainer(record, action.containerId);
    case 'report-final-status':
      await record.reportFinalStatus();
      memory.finalReported = true;
      return;
    case 'remove-pod-data':
      await services.volumes.remove(referenceOf(record.pod()));
      await removePodDirectory(podDirectory(services.dataDir, record.pod()));
      await rm(logDirectoryOf(services.dataDir, record.pod()), { recursive: true, force: true });
      memory.dataRemoved = true;
      return;
    case 'delete-object':
      return deleteObject(services, record);
  }
}

/** With its log, which no option of `pods/log` reaches any more. */
async function removeContainer(record: PodRecord, id: string): Promise<void> {
  const logPath = record.containers.get(id)?.logPath ?? '';
  await record.runtime().removeContainer(id);
  record.containers.delete(id);
  record.memory.users.delete(id);
  if (logPath !== '') await removeLog(logPath);
}

function noteSandboxFailure(services: AgentServices, record: PodRecord, what: string, error: unknown): void {
  const { memory } = record;
  const pod = record.pod();
  const before = memory.sandboxFailure;
  const delayMs = before === undefined ? firstDelayMs : Math.min(before.delayMs * 2, longestDelayMs);
  const message = `${what}: ${errorMessage(error)}`;
  memory.sandboxFailure = { message, delayMs, retryAt: services.env.clock.now() + delayMs };
  services.event(pod, 'Warning', 'FailedCreatePodSandBox', `Failed to create pod sandbox: ${message}`);
  services.log.warn({ pod: pod.metadata.name, namespace: pod.metadata.namespace, error: message }, 'no pod sandbox');
}

async function createSandbox(services: AgentServices, record: PodRecord, attempt: number): Promise<void> {
  const pod = record.pod();
  const logDirectory = logDirectoryOf(services.dataDir, pod);
  try {
    await mkdir(logDirectory, { recursive: true, mode: 0o755 });
    await mkdir(volumesDirectory(services.dataDir, pod), { recursive: true, mode: 0o755 });
    const runtime = await record.chooseRuntime();
    const fault = unknownGroupFault(pod.spec);
    if (fault !== undefined) throw new ConfigError(fault);
    const userNamespace = await userNamespaceOf(services, pod, runtime);
    const { nodeName, clusterDomain, policy } = services;
    const input = { pod, attempt, logDirectory, nodeName, clusterDomain, userNamespace, policy };
    const status = await runtime.runSandbox(sandboxConfig(input));
    record.memory.sandboxAttempt = attempt;
    record.memory.sandboxFailure = undefined;
    record.sandboxes.set(status.id, status);
    await warnOfLimits(services, record);
  } catch (error) {
    // The next try gets an id of its own: the failed one may have left something under the old.
    record.memory.sandboxAttempt = attempt;
    noteSandboxFailure(services, record, 'sandbox', error);
  }
}

/** Undefined: it has that of the node. @throws ConfigError when the runtime has none to give, or all ids are taken */
async function userNamespaceOf(
  services: AgentServices,
  pod: Pod,
  runtime: ContainerRuntime,
): Promise<UserNamespace | undefined> {
  const { hostUsers, hostNetwork, hostPID, hostIPC } = pod.spec;
  if (hostUsers !== false) return undefined;
  if (hostNetwork === true || hostPID === true || hostIPC === true) {
    throw new ConfigError('hostUsers: false cannot be had together with hostNetwork, hostPID or hostIPC');
  }
  const { name, userNamespaces } = await runtime.info();
  if (userNamespaces === true) return services.ids.take(pod.metadata.uid ?? '');
  throw new ConfigError(`runtime "${name}" has no user namespaces on this node, which hostUsers: false asks for`);
}

const limitsNotEnforced =
  'No control groups were handed down to the user of this rootless node: limits of cpu and memory are not enforced (timonel doctor says what to do)';

/** What the pod asks for and does not get here, so that nobody has to find out the hard way. */
async function warnOfLimits(services: AgentServices, record: PodRecord): Promise<void> {
  const pod = record.pod();
  const { isolation, enforcesLimits } = await record.runtime().info();
  if (isolation.startsWith('none'))
    services.event(pod, 'Warning', 'NoIsolation', `Isolation of this pod: ${isolation}`);
  const hasLimits = pod.spec.containers.some(({ resources }) => Object.keys(resources?.limits ?? {}).length > 0);
  if (enforcesLimits === false && hasLimits) services.event(pod, 'Warning', 'LimitsNotEnforced', limitsNotEnforced);
}

async function attachNetwork(
  services: AgentServices,
  record: PodRecord,
  sandboxId: string,
  networkNamespace: string | undefined,
): Promise<void> {
  const pod = record.pod();
  try {
    const { warnings = [], ...attachment } = await services.network.attach(
      networkRequest(pod, sandboxId, networkNamespace),
    );
    record.memory.attachment = attachment;
    for (const { reason, message } of warnings) services.event(pod, 'Warning', reason, message);
    record.memory.sandboxFailure = undefined;
  } catch (error) {
    noteSandboxFailure(services, record, 'network', error);
  }
}

async function start(services: AgentServices, record: PodRecord, name: string, attempt: number): Promise<void> {
  const pod = record.pod();
  const container = containerNamed(pod, name);
  const sandbox = [...record.sandboxes.values()].find((entry) => entry.state === 'ready');
  if (container === undefined || sandbox === undefined) return;
  const images = await startImages(services, record, container);
  if (images === undefined) return;
  const { memory } = record;
  const runtime = record.runtime();
  const running = (wanted: string): string | undefined => runningTry(record.view(), wanted)?.id;
  const { attachment } = memory;
  const request = { pod, container, attempt, sandboxId: sandbox.id, attachment, ...images, runtime, running };
  note(services, record, name, await startContainer(services, request));
}

async function resume(services: AgentServices, record: PodRecord, name: string, id: string): Promise<void> {
  const container = containerNamed(record.pod(), name);
  if (container === undefined) return;
  const result = await startCreated(services, record.pod(), container, id, record.runtime());
  if (!result.ok && result.status === undefined) record.containers.delete(id);
  note(services, record, name, result);
}

function note(services: AgentServices, record: PodRecord, name: string, result: StartResult): void {
  const { memory, containers } = record;
  const now = services.env.clock.now();
  if (!result.ok && result.status?.state !== 'exited') {
    if (result.status !== undefined) containers.set(result.status.id, result.status);
    memory.starts.set(name, startFailure(result, memory.starts.get(name), now));
  } else if (result.status !== undefined) {
    const ended = memory.finished.get(name);
    if (ended !== undefined) memory.restarts.set(name, afterRestart(memory.restarts.get(name), ended.finishedAt, now));
    containers.set(result.status.id, result.status);
    if (result.ok && result.user !== undefined) memory.users.set(result.status.id, result.user);
    memory.starts.delete(name);
    if (result.ok) runPostStart(services, record, name, result.status.id);
  }
}

/** Does not wait for the end: a shorter grace period must find the worker free. */
function stop(services: AgentServices, record: PodRecord, action: Extract<Action, { type: 'stop-container' }>): void {
  const { containerId, gracePeriodMs, container, why } = action;
  const { stopping } = record.memory;
  const pod = record.pod();
  const isFirst = !stopping.has(containerId);
  if (isFirst) services.event(pod, 'Normal', 'Killing', why);
  stopping.set(containerId, gracePeriodMs);
  const settled = (): void => {
    if (stopping.get(containerId) === gracePeriodMs) stopping.delete(containerId);
    record.trigger();
  };
  const end = async (): Promise<void> => {
    // A second, shorter stop does not run the hook again: the first one is at it.
    const spent = isFirst ? await runPreStop(services, record, container, containerId, gracePeriodMs) : 0;
    if (stopping.get(containerId) !== gracePeriodMs) return;
    await record.runtime().stopContainer(containerId, Math.max(gracePeriodMs - spent, Math.min(gracePeriodMs, 2000)));
  };
  end().then(settled, (error: unknown) => {
    services.log.warn({ pod: pod.metadata.name, container, error: errorMessage(error) }, 'container not stopped');
    services.env.timers.after(firstDelayMs, settled);
  });
}

/** The processes are gone with it; the records of the containers stay for their logs. */
function markStopped(record: PodRecord, id: string): void {
  const sandbox = record.sandboxes.get(id);
  if (sandbox !== undefined) record.sandboxes.set(id, { ...sandbox, state: 'notready' });
}

function forgetSandbox(record: PodRecord, id: string): void {
  record.sandboxes.delete(id);
  for (const container of record.containers.values()) {
    if (container.sandboxId !== id) continue;
    record.containers.delete(container.id);
    record.memory.stopping.delete(container.id);
    record.memory.verdicts.delete(container.id);
    record.memory.users.delete(container.id);
  }
}

async function deleteObject(services: AgentServices, record: PodRecord): Promise<void> {
  const { memory } = record;
  const { name = '', namespace, uid = '' } = record.pod().metadata;
  // Nobody sees it afterwards: an API that was away learns first what the pod came to.
  await record.catchUpStatus();
  try {
    await services.api.delete(pods, { name, namespace }, { gracePeriodSeconds: 0, preconditions: { uid } });
    memory.objectDeleted = true;
  } catch (error) {
    // Gone, or another pod of that name by now: either way this one is done.
    if (isNotFound(error) || isConflict(error)) memory.objectDeleted = true;
    else {
      memory.deleteRetryAt = services.env.clock.now() + firstDelayMs;
      services.log.debug({ pod: name, namespace, error: errorMessage(error) }, 'pod not deleted, will retry');
    }
  }
}
