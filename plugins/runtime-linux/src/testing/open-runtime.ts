import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Env, Logger } from '@timonel/sdk';
import { detectCgroups } from '@timonel/sdk/linux/cgroup';
import { configSchema, type RuntimeLinuxConfig } from '../config.ts';
import { monitorBinary } from '../monitor-binary.ts';
import { LinuxRuntime } from '../runtime.ts';

const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet };

export async function openRuntime(
  dataDir: string,
  env: Env,
  changes: Partial<RuntimeLinuxConfig> = {},
  monitor: string = monitorBinary,
): Promise<LinuxRuntime> {
  const { driver } = detectCgroups();
  if (driver === undefined) throw new Error('these tests need cgroups');
  const settings = configSchema.parse(changes);
  const runtime = new LinuxRuntime({ dataDir, env, log: quiet, cgroups: driver, settings, monitor });
  await runtime.open();
  return runtime;
}

export function temporaryDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'timonel-rl-'));
}

/** A launcher that ends with the last of its work may still be at it. */
export function removeDirectory(path: string): void {
  rmSync(path, { recursive: true, force: true, maxRetries: 20, retryDelay: 20 });
}
