import { Option, type Command } from 'commander';
import { dataDirPaths, defaultDataDir } from '../cluster/data-dir.ts';
import { readKubeconfig, type ClusterAccess } from '../cluster/kubeconfig.ts';
import { resolve } from 'node:path';

export interface AccessFlags {
  readonly dataDir?: string;
  readonly kubeconfig?: string;
  readonly output?: 'table' | 'json';
}

/** Adds the options by which every command finds the running cluster. */
export function withAccess(command: Command): Command {
  return command
    .option('--data-dir <dir>', 'data directory of the running cluster (default: as for `timonel up`)')
    .option('--kubeconfig <file>', 'kubeconfig of the running cluster (default: <data-dir>/kubeconfig)')
    .addOption(new Option('-o, --output <format>', 'table or json').choices(['table', 'json']).default('table'));
}

/** @throws CliError unreachable */
export function accessOf(flags: AccessFlags): ClusterAccess {
  const root = resolve(flags.dataDir ?? defaultDataDir());
  return readKubeconfig(flags.kubeconfig ?? dataDirPaths(root).kubeconfig);
}

/** Prints JSON, or what `table` makes. */
export function print(flags: AccessFlags, value: unknown, table: () => string): void {
  process.stdout.write(`${flags.output === 'json' ? JSON.stringify(value, null, 2) : table()}\n`);
}
