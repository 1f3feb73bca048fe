/** The runtimes that are attacked, each on a node of its own: a directory, an image, a process and a file of the node. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRealEnv } from '@timonel/core/env';
import type { ContainerRuntime } from '@timonel/sdk/contracts/runtime';
import { until } from '../../sdk/testkit/src/until.ts';
import { monitorBinary } from '../../plugins/runtime-linux/src/monitor-binary.ts';
import { leftovers as leftoversOfLinux } from '../../plugins/runtime-linux/src/testing/leftovers.ts';
import { openRuntime as openLinux } from '../../plugins/runtime-linux/src/testing/open-runtime.ts';
import { leftovers as leftoversOfOci } from '../../plugins/runtime-oci/src/testing/leftovers.ts';
import { needPrograms, openRuntime as openOci } from '../../plugins/runtime-oci/src/testing/open-runtime.ts';
import { AttackBed } from './bed.ts';
import { Host } from './host.ts';
import { makeAttackerRoot } from './image.ts';

export const runtimeNames = ['timonel', 'runc', 'crun'] as const;
export type RuntimeName = (typeof runtimeNames)[number];

export interface AttackedNode {
  readonly bed: AttackBed;
  /** Removes all pods. @throws Error with what is left of them */
  clean(): Promise<void>;
  close(): Promise<void>;
}

interface Opened {
  readonly runtime: ContainerRuntime & { close(): void };
  readonly programs: readonly string[];
  leftovers(): readonly string[];
}

const env = createRealEnv();
const logMaxBytes = 1024 ** 2;

async function openRuntime(name: RuntimeName, dataDir: string): Promise<Opened> {
  if (name === 'timonel') {
    const runtime = await openLinux(dataDir, env, { logMaxBytes, logMaxFiles: 4 });
    return { runtime, programs: [monitorBinary], leftovers: () => leftoversOfLinux(dataDir) };
  }
  needPrograms(name);
  const programs = [name, 'conmon'].map((each) => execFileSync('which', [each], { encoding: 'utf8' }).trim());
  const runtime = await openOci(name, dataDir, env, { logMaxBytes, logMaxFiles: 4 });
  return { runtime, programs, leftovers: () => leftoversOfOci(dataDir) };
}

export async function openNode(name: RuntimeName): Promise<AttackedNode> {
  const directory = mkdtempSync(join(tmpdir(), `timonel-security-${name}-`));
  const [root, dataDir] = [join(directory, 'root'), join(directory, 'data')];
  mkdirSync(dataDir);
  makeAttackerRoot(root);
  const opened = await openRuntime(name, dataDir);
  const host = new Host(join(directory, 'host'));
  const bed = new AttackBed({ ...opened, root, directory, host });
  const clean = async (): Promise<void> => {
    await bed.removeAll();
    await until(() => opened.leftovers().length === 0, { what: 'all of the pods to be gone' }).catch(() => {
      throw new Error(`left behind: ${opened.leftovers().join('; ')}`);
    });
  };
  const close = async (): Promise<void> => {
    await bed.removeAll().finally(() => {
      opened.runtime.close();
      host.close();
      rmSync(directory, { recursive: true, force: true });
    });
  };
  return { bed, clean, close };
}
