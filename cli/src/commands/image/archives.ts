/** `timonel image import`, `export` and `build`. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { ImageInfo } from '@timonel/sdk/contracts/images';
import { callCluster } from '../../cluster/remote.ts';
import { CliError, exitCodes } from '../../errors.ts';
import { formatBytes } from '../../output/table.ts';
import { accessOf, print, withAccess, type AccessFlags } from '../access.ts';
import { repeatable } from '../repeatable.ts';
import { imageTable, type ImageItems } from './inventory.ts';
import { imagesPath } from './path.ts';

const patienceMs = 600_000;

function existing(path: string): string {
  const full = resolve(path);
  if (!existsSync(full)) throw new CliError(`${full} does not exist.`, exitCodes.usage);
  return full;
}

interface BuildFlags extends AccessFlags {
  readonly entrypoint: string[];
  readonly cmd: string[];
  readonly env: string[];
  readonly workingDir?: string;
  readonly user?: string;
}

async function build(directory: string, reference: string, flags: BuildFlags): Promise<void> {
  const config = {
    ...(flags.entrypoint.length > 0 ? { entrypoint: flags.entrypoint } : {}),
    ...(flags.cmd.length > 0 ? { cmd: flags.cmd } : {}),
    ...(flags.env.length > 0 ? { env: flags.env } : {}),
    ...(flags.workingDir === undefined ? {} : { workingDir: flags.workingDir }),
    ...(flags.user === undefined ? {} : { user: flags.user }),
  };
  const body = { directory: existing(directory), reference, config };
  const image = await callCluster<ImageInfo>(accessOf(flags), 'POST', `${imagesPath}/build`, body, patienceMs);
  print(
    flags,
    image,
    () => `built ${image.references.join(', ')} (${image.id.slice(7, 19)}, ${formatBytes(image.sizeBytes)})`,
  );
}

async function importArchive(archive: string, flags: AccessFlags & { readonly reference?: string }): Promise<void> {
  const body = { path: existing(archive), ...(flags.reference === undefined ? {} : { reference: flags.reference }) };
  const { items } = await callCluster<ImageItems>(accessOf(flags), 'POST', `${imagesPath}/import`, body, patienceMs);
  print(flags, items, () => imageTable(items));
}

async function exportArchive(archive: string, references: string[], flags: AccessFlags): Promise<void> {
  const path = resolve(archive);
  if (existsSync(path)) throw new CliError(`${path} is there already: name another, or remove it.`, exitCodes.usage);
  const result = await callCluster(accessOf(flags), 'POST', `${imagesPath}/export`, { references, path }, patienceMs);
  print(flags, result, () => `wrote ${references.join(', ')} to ${path}`);
}

export function addArchives(image: Command): void {
  withAccess(image.command('import <archive>').description('Import a docker-archive or OCI-layout tar'))
    .option('--reference <name>', 'the name to give it, where the archive has none')
    .addHelpText(
      'after',
      '\nExample:\n  skopeo copy docker-daemon:web:1 docker-archive:web.tar:web:1 && timonel image import web.tar',
    )
    .action(importArchive);
  withAccess(
    image.command('export <archive> <references...>').description('Write images into a new OCI-layout tar on the node'),
  )
    .addHelpText('after', '\nExample:\n  timonel image export web.tar web:1 && skopeo inspect oci-archive:web.tar')
    .action(exportArchive);
  withAccess(
    image.command('build <directory> <reference>').description('Make an image of one layer from a root directory'),
  )
    .addOption(repeatable('--entrypoint <word>', 'one word of the entry point; repeat for more'))
    .addOption(repeatable('--cmd <word>', 'one word of the command; repeat for more'))
    .addOption(repeatable('--env <name=value>', 'an environment variable; may be repeated'))
    .option('--working-dir <path>', 'where the command runs')
    .option('--user <user>', 'who it runs as')
    .addHelpText('after', '\nExample:\n  timonel image build ./rootfs example.com/hello:1 --entrypoint /bin/hello')
    .action(build);
}
