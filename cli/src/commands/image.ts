import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { ImageInfo } from '@timonel/sdk/contracts/images';
import { callCluster } from '../cluster/remote.ts';
import { CliError, exitCodes } from '../errors.ts';
import { formatBytes, formatTable } from '../output/table.ts';
import { accessOf, print, withAccess, type AccessFlags } from './access.ts';

const base = '/apis/kernel.timonel.dev/v1/images';

function table(items: readonly ImageInfo[]): string {
  const rows = items.flatMap((image) =>
    (image.references.length === 0 ? ['<none>'] : image.references).map((reference) => [
      reference,
      image.id.replace('sha256:', '').slice(0, 12),
      formatBytes(image.sizeBytes),
      image.created.slice(0, 10) || '-',
    ]),
  );
  return formatTable(['REFERENCE', 'ID', 'SIZE', 'CREATED'], rows);
}

function existing(path: string): string {
  const full = resolve(path);
  if (!existsSync(full)) throw new CliError(`${full} does not exist.`, exitCodes.usage);
  return full;
}

const collect = (value: string, former: string[]): string[] => [...former, value];

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
  const image = await callCluster<ImageInfo>(accessOf(flags), 'POST', `${base}/build`, body, 600_000);
  print(
    flags,
    image,
    () => `built ${image.references.join(', ')} (${image.id.slice(7, 19)}, ${formatBytes(image.sizeBytes)})`,
  );
}

export function addImage(program: Command): void {
  const image = program.command('image').description("The node's images");
  withAccess(image.command('list').description('All images of the node')).action(async (flags: AccessFlags) => {
    const { items } = await callCluster<{ items: readonly ImageInfo[] }>(accessOf(flags), 'GET', base);
    print(flags, items, () => table(items));
  });
  withAccess(image.command('import <archive>').description('Import a docker-archive or OCI-layout tar'))
    .option('--reference <name>', 'the name to give it, where the archive has none')
    .addHelpText(
      'after',
      '\nExample:\n  skopeo copy docker-daemon:web:1 docker-archive:web.tar:web:1 && timonel image import web.tar',
    )
    .action(async (archive: string, flags: AccessFlags & { reference?: string }) => {
      const body = {
        path: existing(archive),
        ...(flags.reference === undefined ? {} : { reference: flags.reference }),
      };
      const { items } = await callCluster<{ items: readonly ImageInfo[] }>(
        accessOf(flags),
        'POST',
        `${base}/import`,
        body,
        600_000,
      );
      print(flags, items, () => table(items));
    });
  withAccess(
    image.command('build <directory> <reference>').description('Make an image of one layer from a root directory'),
  )
    .option('--entrypoint <word>', 'one word of the entry point; repeat for more', collect, [])
    .option('--cmd <word>', 'one word of the command; repeat for more', collect, [])
    .option('--env <name=value>', 'an environment variable; may be repeated', collect, [])
    .option('--working-dir <path>', 'where the command runs')
    .option('--user <user>', 'who it runs as')
    .addHelpText('after', '\nExample:\n  timonel image build ./rootfs example.com/hello:1 --entrypoint /bin/hello')
    .action(build);
  withAccess(image.command('rm <reference>').description('Remove a reference, and what nothing else uses')).action(
    async (reference: string, flags: AccessFlags) => {
      const path = `${base}?reference=${encodeURIComponent(reference)}`;
      const result = await callCluster(accessOf(flags), 'DELETE', path);
      print(flags, result, () => `removed ${reference}`);
    },
  );
}
