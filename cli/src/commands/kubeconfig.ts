import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { dataDirPaths, defaultDataDir } from '../cluster/data-dir.ts';
import { readKubeconfig } from '../cluster/kubeconfig.ts';

export function addKubeconfig(program: Command): void {
  program
    .command('kubeconfig')
    .description('Print the kubeconfig of the cluster')
    .option('--data-dir <dir>', 'data directory of the cluster (default: as for `timonel up`)')
    .option('--path', 'print the path of the file instead')
    .addHelpText(
      'after',
      '\nExamples:\n  timonel kubeconfig > ~/.kube/config\n  export KUBECONFIG=$(timonel kubeconfig --path)',
    )
    .action((flags: { dataDir?: string; path?: boolean }) => {
      const file = dataDirPaths(resolve(flags.dataDir ?? defaultDataDir())).kubeconfig;
      readKubeconfig(file);
      process.stdout.write(flags.path === true ? `${file}\n` : readFileSync(file, 'utf8'));
    });
}
