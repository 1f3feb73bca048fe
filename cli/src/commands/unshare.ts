import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { defaultDataDir } from '../cluster/data-dir.ts';
import { isRoot } from '../cluster/host.ts';
import { CliError, exitCodes } from '../errors.ts';
import { endIdleHolder, enterWords, findHolder, makeHolder } from '../rootless/holder.ts';
import { findIdRanges } from '../rootless/id-ranges.ts';
import { temporaryDirectory } from '../rootless/places.ts';

/** In the namespaces of the node that runs, or in new ones with the same ids. */
async function unshare(words: readonly string[], flags: { readonly dataDir?: string }): Promise<void> {
  if (isRoot()) throw new CliError('Root needs no user namespace: run the command itself.', exitCodes.usage);
  const directory = join(resolve(flags.dataDir ?? defaultDataDir()), 'rootless');
  const running = findHolder(directory);
  const own = running === undefined ? temporaryDirectory() : directory;
  const holder =
    running ?? (await makeHolder({ directory: own, ids: findIdRanges(), resolvConf: undefined, groups: undefined }));
  try {
    const command = words.length === 0 ? [process.env['SHELL'] ?? 'sh'] : words;
    const [program = '', ...args] = [...enterWords(holder), ...command];
    const child = spawn(program, args, { stdio: 'inherit' });
    process.exitCode = await new Promise<number>((done, reject) => {
      child.once('error', reject).once('exit', (code) => done(code ?? exitCodes.failure));
    });
  } finally {
    if (running === undefined) await endIdleHolder(own, holder);
  }
}

export function addUnshare(program: Command): void {
  program
    .command('unshare')
    .description('Run a command as root of the user namespace that containers of an ordinary user run in')
    .argument('[command...]', 'the command and its arguments (default: a shell)')
    .option('--data-dir <dir>', 'data directory of the cluster (default: as for `timonel up`)')
    .passThroughOptions()
    .addHelpText(
      'after',
      `
Files that containers made belong to ids of /etc/subuid: this way they can be looked at and removed.

Examples:
  timonel unshare ls -ln ~/.local/share/timonel/data
  timonel unshare rm -rf ~/.local/share/timonel      # once the cluster has stopped`,
    )
    .action(unshare);
}
