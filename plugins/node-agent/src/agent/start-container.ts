/** From a container of the pod and its image to a running process: environment, files, create, start. */
import { errorMessage } from '@timonel/sdk';
import type { DeviceGrant } from '@timonel/sdk/contracts/devices';
import type { ImageInfo } from '@timonel/sdk/contracts/images';
import type {
  ContainerConfig,
  ContainerRuntime,
  ContainerStatus,
  Mount,
  RootFilesystem,
} from '@timonel/sdk/contracts/runtime';
import type { Attachment } from '@timonel/sdk/contracts/network';
import type { Container, EphemeralContainer, LinuxUser, Pod } from '@timonel/sdk/kube';
import { ConfigError } from '../container/config-error.ts';
import { containerConfig } from '../container/container-config.ts';
import { environmentOf } from '../container/env.ts';
import type { NodeFacts } from '../container/field-ref.ts';
import { networkFileMounts } from '../container/network-files.ts';
import { kernelNameOf } from '../container/hostname.ts';
import { declaredUser, userOfProcess } from '../container/process-user.ts';
import { securitySettings } from '../container/security.ts';
import { failedMount } from '../plan/view.ts';
import { volumeDevices, volumeMounts, type MountContext } from '../volumes/mounts.ts';
import { OpenParts } from '../volumes/sub-path.ts';
import { podDirectory } from './directories.ts';
import { reasonOf } from './reason-of.ts';
import type { AgentServices } from './services.ts';
import type { FailedStart } from './start-failure.ts';

export interface StartRequest {
  readonly pod: Pod;
  readonly container: EphemeralContainer;
  readonly attempt: number;
  readonly sandboxId: string;
  readonly attachment: Attachment | undefined;
  readonly image: ImageInfo;
  /** Images of volumes, by their names. */
  readonly volumes: ReadonlyMap<string, RootFilesystem>;
  readonly runtime: ContainerRuntime;
  /** Id of the running container of this name; undefined: there is none. */
  running(name: string): string | undefined;
}

export type StartResult =
  | { readonly ok: true; readonly status: ContainerStatus; readonly user?: LinuxUser }
  | (FailedStart & { readonly status: ContainerStatus | undefined });

function failed(reason: string, error: unknown, status?: ContainerStatus): StartResult {
  return { ok: false, reason, error, status };
}

export function nodeFacts(services: AgentServices, pod: Pod, attachment: Attachment | undefined): NodeFacts {
  const [nodeAddress, nodeAddress6] = [services.nodeAddress(), services.nodeAddress6()];
  const ofNode = nodeAddress6 === undefined ? [nodeAddress] : [nodeAddress, nodeAddress6];
  return {
    nodeName: services.nodeName,
    nodeAddress,
    nodeAddress6,
    podAddresses: pod.spec.hostNetwork === true ? ofNode : (attachment?.addresses ?? []),
    allocatable: services.allocatable(),
  };
}

export async function startContainer(services: AgentServices, request: StartRequest): Promise<StartResult> {
  const parts = new OpenParts();
  try {
    return await createAndStart(services, request, parts);
  } finally {
    await parts.close();
  }
}

async function createAndStart(services: AgentServices, request: StartRequest, parts: OpenParts): Promise<StartResult> {
  const { pod, container } = request;
  let status: ContainerStatus;
  let declared: LinuxUser | undefined;
  try {
    // Before its first packet.
    if (pod.spec.hostNetwork !== true) await services.policies()?.admit(pod, request.attachment?.addresses ?? []);
    const config = await configOf(services, request, parts);
    declared = declaredUser(config);
    status = await request.runtime.createContainer(config);
  } catch (error) {
    const reason = reasonOf(error, 'CreateContainerError');
    const isOfVolume = reason === failedMount;
    services.event(
      pod,
      'Warning',
      isOfVolume ? failedMount : 'Failed',
      isOfVolume ? errorMessage(error) : `Error: ${errorMessage(error)}`,
    );
    return failed(reason, error);
  }
  services.event(pod, 'Normal', 'Created', `Container created: ${container.name}`);
  const started = await startCreated(services, request.pod, container, status.id, request.runtime);
  if (!started.ok || started.user !== undefined || declared === undefined) return started;
  return { ...started, user: declared };
}

/** @throws ConfigError when the container whose processes it is to see does not run. */
function targetOf(request: StartRequest): string | undefined {
  const { targetContainerName: name = '' } = request.container;
  if (name === '') return undefined;
  const id = request.running(name);
  if (id === undefined) throw new ConfigError(`target container ${name} is not running`);
  return id;
}

async function configOf(services: AgentServices, request: StartRequest, parts: OpenParts): Promise<ContainerConfig> {
  const { pod, container, attempt, sandboxId, attachment, image } = request;
  const processesOf = targetOf(request);
  const facts = nodeFacts(services, pod, attachment);
  const { sources } = services;
  const links = await services.serviceLinks.variables(pod);
  const env = await environmentOf({ pod, container, facts, sources, services: links });
  const hostname = kernelNameOf(pod, services.nodeName, services.clusterDomain);
  const { policy } = services;
  const security = await securitySettings(pod, container, policy);
  const runtime = await request.runtime.info();
  const opened = runtime.mountsOpenFiles === true ? { parts } : {};
  const prepare: MountContext['prepare'] = (volume) =>
    services.volumes.prepare({ pod, volume, facts, image: request.volumes.get(volume.name) });
  const mounting = { pod, prepare, runtime, ...opened };
  const volumes = await volumeMounts(container, env, mounting);
  const given = await services.devices.grant(pod, container.name);
  const devices = [...(await volumeDevices(container, mounting)), ...(given?.devices ?? [])];
  const files = await networkFileMounts({
    pod,
    container,
    podDirectory: podDirectory(services.dataDir, pod),
    hostname,
    addresses: facts.podAddresses,
    clusterDomain: services.clusterDomain,
    dns: services.dns(),
  });
  const config = containerConfig({
    pod,
    container,
    attempt,
    sandboxId,
    image,
    env: given === undefined ? env : new Map([...Object.entries(given.env), ...env]),
    mounts: [...files, ...deviceMounts(given), ...volumes],
    devices,
    hostname,
    nodeName: services.nodeName,
    policy,
    security,
    runtime,
    processesOf,
  });
  if (config.command.length === 0)
    throw new ConfigError(`no command specified: neither the container nor image ${container.image ?? ''} has one`);
  return config;
}

function deviceMounts(given: DeviceGrant | undefined): Mount[] {
  return (given?.mounts ?? []).map((mount) => ({ ...mount, propagation: 'private' }));
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
    // One that is left although it should go is not made a second time: its start is tried again.
    const isRemoved = await runtime.removeContainer(id).then(
      () => true,
      () => false,
    );
    return failed('RunContainerError', error, isRemoved ? undefined : after);
  }
  services.event(pod, 'Normal', 'Started', `Container started: ${container.name}`);
  const status = await runtime.containerStatus(id);
  if (status !== undefined) {
    const user = await userOfProcess(status.pid, services.ids.of(pod.metadata.uid ?? ''));
    return { ok: true, status, ...(user === undefined ? {} : { user }) };
  }
  return failed('RunContainerError', `container ${id} vanished after its start`);
}
