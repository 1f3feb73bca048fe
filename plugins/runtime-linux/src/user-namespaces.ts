import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { RuntimeError } from '@timonel/sdk/contracts/runtime';
import type { ContainerConfig, ContainerRuntime, SandboxConfig } from '@timonel/sdk/contracts/runtime';
import { bootId } from '@timonel/sdk/linux';
import { readJson, writeAtomically } from './records.ts';

const id = 'probe';

interface Remembered {
  readonly bootId: string;
  readonly answer: boolean;
}

/** The answer of `probe`, which costs a part of a second and cannot change until the next boot. */
export async function rememberedForBoot(file: string, probe: () => Promise<boolean>): Promise<boolean> {
  const boot = bootId();
  const known = readJson(file) as Remembered | undefined;
  if (known?.bootId === boot && typeof known.answer === 'boolean') return known.answer;
  const answer = await probe();
  writeAtomically(file, JSON.stringify({ bootId: boot, answer } satisfies Remembered));
  return answer;
}

/**
 * Whether a pod may have a user namespace here: makes one with a container over a directory of `directory`, and removes both. That needs a
 * kernel with the namespace, and a file system whose mounts can map ids. `runtime` has nothing else to do, and is new.
 */
export async function probeUserNamespaces(runtime: ContainerRuntime, directory: string): Promise<boolean> {
  const layer = join(directory, 'layer');
  mkdirSync(layer, { recursive: true });
  try {
    for (const sandbox of await runtime.listSandboxes()) await runtime.removeSandbox(sandbox.id);
    await runtime.runSandbox(sandboxOf(directory));
    await runtime.createContainer(containerOf(layer));
    return true;
  } catch (error) {
    if (error instanceof Error && error.name === RuntimeError.name) return false;
    throw error;
  } finally {
    await runtime.removeSandbox(id);
    rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 });
  }
}

function sandboxOf(directory: string): SandboxConfig {
  return {
    id,
    podUid: id,
    podNamespace: id,
    podName: id,
    hostname: id,
    hostNetwork: false,
    hostPid: false,
    hostIpc: false,
    shareProcessNamespace: false,
    logDirectory: join(directory, 'logs'),
    sysctls: {},
    resources: {},
    qosClass: 'Guaranteed',
    userNamespace: { firstUid: 65_536, firstGid: 65_536, length: 65_536 },
    labels: {},
  };
}

/** It is never started, so the image needs no program. */
function containerOf(layer: string): ContainerConfig {
  return {
    id,
    sandboxId: id,
    name: id,
    attempt: 0,
    image: { imageId: id, reference: id, layers: [layer] },
    command: [id],
    env: [],
    workingDir: '',
    user: '',
    supplementalGroups: [],
    mounts: [],
    resources: {},
    security: {
      privileged: false,
      readOnlyRootFilesystem: false,
      noNewPrivileges: true,
      addCapabilities: [],
      dropCapabilities: [],
      seccomp: { type: 'Unconfined' },
    },
    stdin: false,
    stdinOnce: false,
    tty: false,
    terminationMessagePath: '',
    labels: {},
  };
}
