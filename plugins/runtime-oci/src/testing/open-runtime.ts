import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Env, Logger } from '@timonel/sdk';
import { detectCgroups } from '@timonel/sdk/linux/cgroup';
import { configSchema, type RuntimeOciConfig } from '../config.ts';
import { findPrograms, type OciKind } from '../host.ts';
import { OciRuntime } from '../runtime.ts';

const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet };

export async function openRuntime(
  kind: OciKind,
  dataDir: string,
  env: Env,
  changes: Partial<RuntimeOciConfig> = {},
): Promise<OciRuntime> {
  const { driver } = detectCgroups();
  if (driver === undefined) throw new Error('these tests need cgroups');
  const settings = { ...configSchema.parse({}), ...changes };
  const runtime = new OciRuntime({ kind, dataDir, env, log: quiet, cgroups: driver, settings });
  await runtime.open();
  return runtime;
}

/** @throws Error with the Debian package that is missing */
export function needPrograms(kind: OciKind): void {
  const { reason } = findPrograms(kind, configSchema.parse({}));
  if (reason !== '') throw new Error(reason);
}

export function temporaryDirectory(kind: OciKind): string {
  return mkdtempSync(join(tmpdir(), `timonel-${kind}-`));
}

export function removeDirectory(path: string): void {
  rmSync(path, { recursive: true, force: true });
}
