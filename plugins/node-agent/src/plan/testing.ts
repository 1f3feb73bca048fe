/** Builders for tests of plan and status. */
import type { ContainerStatus, SandboxStatus } from '@timonel/sdk/contracts/runtime';
import type { Container, Pod, PodSpec } from '@timonel/sdk/kube';
import { emptyMemory, type PodMemory, type PodView } from './view.ts';

/** A Thursday in 2026. */
export const noon: number = 1_772_712_000_000;

export function podWith(spec: Partial<PodSpec> = {}, metadata: Pod['metadata'] = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: 'default', uid: 'uid-1', ...metadata },
    spec: { containers: [container('app')], nodeName: 'node-1', ...spec },
  };
}

export function container(name: string, changes: Partial<Container> = {}): Container {
  return { name, image: 'img:1', ...changes };
}

export function sandbox(changes: Partial<SandboxStatus> = {}): SandboxStatus {
  return {
    id: 's0',
    podUid: 'uid-1',
    podNamespace: 'default',
    podName: 'web',
    state: 'ready',
    createdAt: noon,
    networkNamespace: '/run/netns/s0',
    labels: { 'timonel.io/sandbox-attempt': '0' },
    ...changes,
  };
}

export function running(name: string, attempt = 0, changes: Partial<ContainerStatus> = {}): ContainerStatus {
  return {
    id: `${name}-${attempt}`,
    sandboxId: 's0',
    name,
    attempt,
    state: 'running',
    imageId: 'sha256:1',
    imageReference: 'img:1',
    pid: 1,
    createdAt: noon,
    startedAt: noon,
    finishedAt: 0,
    exitCode: undefined,
    signal: undefined,
    reason: '',
    message: '',
    logPath: '',
    labels: {},
    ...changes,
  };
}

export function exited(
  name: string,
  exitCode: number,
  attempt = 0,
  changes: Partial<ContainerStatus> = {},
): ContainerStatus {
  return running(name, attempt, { state: 'exited', exitCode, pid: undefined, finishedAt: noon, ...changes });
}

export function memoryWith(changes: Partial<PodMemory> = {}): PodMemory {
  const attachment = { sandboxId: 's0', addresses: ['10.1.0.2'], interfaceName: 'eth0', gateway: undefined };
  return { ...emptyMemory(), attachment, ...changes };
}

export function viewOf(changes: Partial<PodView> = {}): PodView {
  return { pod: podWith(), gone: false, sandboxes: [sandbox()], containers: [], memory: memoryWith(), ...changes };
}
