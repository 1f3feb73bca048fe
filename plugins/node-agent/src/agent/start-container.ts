/** From a container of the pod to a running process: image, environment, files, create, start. */
import { errorMessage } from '@timonel/sdk';
import type { ContainerRuntime, ContainerStatus } from '@timonel/sdk/contracts/runtime';
import type { Attachment } from '@timonel/sdk/contracts/network';
import type { Container, EphemeralContainer, Pod } from '@timonel/sdk/kube';
import { ConfigError, isConfigError } from '../container/config-error.ts';
import { containerConfig } from '../container/container-config.ts';
import { environmentOf } from '../container/env.ts';
import type { NodeFacts } from '../container/field-ref.ts';
import { networkFileMounts } from '../container/network-files.ts';
import { hostnameOf } from '../container/sandbox-config.ts';
import { doubled } from '../plan/back-off.ts';
import type { StartFailure } from '../plan/view.ts';
import { volumeMounts } from '../volumes/mounts.ts';
import { podDirectory, volumesDirectory } from './directories.ts';
import type { AgentServices } from './services.ts';

export interface StartRequest {
  readonly pod: Pod;
  readonly container: EphemeralContainer;
  readonly attempt: number;
  readonly sandboxId: string;
  readonly attachment: Attachment | undefined;
  readonly runtime: ContainerRuntime;
  /** Id of the running container of this name; undefined: there is none. */
  running(name: string): string | undefined;
}

export type StartResult =
  | { readonly ok: true; readonly status: ContainerStatus }
  | {
      readonly ok: false;
      readonly reason: string;
      readonly message: string;
      readonly status: ContainerStatus | undefined;
    };

type Failed = Extract<StartResult, { ok: false }>;

function failed(reason: string, error: unknown, status?: ContainerStatus): Failed {
  return { ok: false, reason, message: errorMessage(error), status };
}

/** The reason that an error of a plugin carries, or the given one. */
function reasonOf(error: unknown, otherwise: string): string {
  if (isConfigError(error)) return error.reason;
  if (typeof error !== 'object' || error === null || !('name' in error) || !('reason' in error)) return otherwise;
  const named = error.name === 'RuntimeError' || error.name === 'ImageError' || error.name === 'VolumeError';
  return named && typeof error.reason === 'string' ? error.reason : otherwise;
}

export function nodeFacts(services: AgentServices, pod: Pod, attachment: Attachment | undefined): NodeFacts {
  const nodeAddress = services.nodeAddress();
  return {
    nodeName: services.nodeName,
    nodeAddress,
    podAddresses: pod.spec.hostNetwork === true ? [nodeAddress] : (attachment?.addresses ?? []),
    allocatable: services.allocatable(),
  };
}

/** As the API defaults it: images without a tag or with `latest` are looked up each time. */
function pullPolicyOf(container: Container): 'Always' | 'IfNotPresent' | 'Never' {
  const policy = container.imagePullPolicy;
  if (policy === 'Always' || policy === 'IfNotPresent' || policy === 'Never') return policy;
  const image = container.image ?? '';
  const tagged = image.includes('@') || /:[^/]+$/.test(image);
  return !tagged || image.endsWith(':latest') ? 'Always' : 'IfNotPresent';
}

export async function startContainer(services: AgentServices, request: StartRequest): Promise<StartResult> {
  const { pod, container } = request;
  const reference = container.image ?? '';
  let image;
  try {
    image = await services.images.ensure(reference, pullPolicyOf(container));
  } catch (error) {
    const reason = reasonOf(error, 'ErrImagePull');
    services.event(pod, 'Warning', 'Failed', `Failed to pull image "${reference}": ${errorMessage(error)}`);
    return failed(reason, error);
  }
  services.event(pod, 'Normal', 'Pulled', `Container image "${reference}" already present on machine`);
  let status: ContainerStatus;
  try {
    const config = await configOf(services, request, image);
    status = await request.runtime.createContainer(config);
  } catch (error) {
    services.event(pod, 'Warning', 'Failed', `Error: ${errorMessage(error)}`);
    return failed(reasonOf(error, 'CreateContainerError'), error);
  }
  services.event(pod, 'Normal', 'Created', `Container created: ${container.name}`);
  return startCreated(services, request.pod, container, status.id, request.runtime);
}

/** @throws ConfigError when the container whose processes it is to see does not run. */
function targetOf(request: StartRequest): string | undefined {
  const { targetContainerName: name = '' } = request.container;
  if (name === '') return undefined;
  const id = request.running(name);
  if (id === undefined) throw new ConfigError(`target container ${name} is not running`);
  return id;
}

async function configOf(
  services: AgentServices,
  request: StartRequest,
  image: Awaited<ReturnType<AgentServices['images']['ensure']>>,
): Promise<ReturnType<typeof containerConfig>> {
  const { pod, container, attempt, sandboxId, attachment } = request;
  const processesOf = targetOf(request);
  const facts = nodeFacts(services, pod, attachment);
  const { sources } = services;
  const env = await environmentOf({ pod, container, facts, sources });
  const hostname = hostnameOf(pod, services.nodeName);
  const context = { pod, facts, sources, claims: services.claims };
  const volumes = await volumeMounts(container, volumesDirectory(services.dataDir, pod), env, context);
  const files = await networkFileMounts({
    pod,
    container,
    podDirectory: podDirectory(services.dataDir, pod),
    hostname,
    addresses: facts.podAddresses,
    clusterDomain: services.clusterDomain,
  });
  const config = containerConfig({
    pod,
    container,
    attempt,
    sandboxId,
    image,
    env,
    mounts: [...files, ...volumes],
    hostname,
    nodeName: services.nodeName,
    nodeMemoryBytes: services.nodeMemoryBytes,
    processesOf,
  });
  if (config.command.length === 0)
    throw new ConfigError(`no command specified: neither the container nor image ${container.image ?? ''} has one`);
  return config;
}

export async function startCreated(
  services: AgentServices,
  pod: Pod,
  container: Container,
  id: string,
  runtime: ContainerRuntime,
): Promise<StartResult> {
  try {
    await runtime.startContainer(id);
  } catch (error) {
    services.event(pod, 'Warning', 'Failed', `Error: ${errorMessage(error)}`);
    const after = await runtime.containerStatus(id);
    // The runtime kept it as a try that ended: the pod's restart policy takes it from here.
    if (after?.state === 'exited') return failed('RunContainerError', error, after);
    await runtime.removeContainer(id);
    return failed('RunContainerError', error);
  }
  services.event(pod, 'Normal', 'Started', `Container started: ${container.name}`);
  const status = await runtime.containerStatus(id);
  if (status !== undefined) return { ok: true, status };
  return failed('RunContainerError', `container ${id} vanished after its start`);
}

const configRetryMs = 10_000;
const imageReasons = new Set([
  'ErrImagePull',
  'InvalidImageName',
  'ErrImageNeverPull',
  'ImageInspectError',
  'CorruptImage',
]);

/** When to try again: wrong configuration after a fixed time (a person will mend it), the others with growing delays. */
export function startFailure(failure: Failed, before: StartFailure | undefined, now: number): StartFailure {
  const { reason, message } = failure;
  const sameKind = before !== undefined && imageReasons.has(before.reason) === imageReasons.has(reason);
  const delayMs =
    reason === 'CreateContainerConfigError' ? configRetryMs : doubled(sameKind ? before.delayMs : undefined);
  return { reason, message, failedAt: now, retryAt: now + delayMs, delayMs };
}
