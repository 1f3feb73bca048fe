/** `timonel image list`, `inspect`, `rm` and `prune`. */
import type { Command } from 'commander';
import type { ImageFilesystem, ImageInfo, PruneResult } from '@timonel/sdk/contracts/images';
import { callCluster } from '../../cluster/remote.ts';
import { formatBytes, formatTable } from '../../output/table.ts';
import { accessOf, print, withAccess, type AccessFlags } from '../access.ts';
import { imagesPath } from './path.ts';

export interface ImageItems {
  readonly items: readonly ImageInfo[];
}

export function imageTable(items: readonly ImageInfo[]): string {
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

async function inspect(reference: string, flags: AccessFlags): Promise<void> {
  const path = `${imagesPath}/inspect?reference=${encodeURIComponent(reference)}`;
  const image = await callCluster<ImageInfo & { readonly layers: number }>(accessOf(flags), 'GET', path);
  const { config } = image;
  const rows: readonly (readonly [string, string])[] = [
    ['ID', image.id],
    ['References', image.references.join(', ') || '<none>'],
    ['Digests', (image.digests ?? []).join(', ') || '-'],
    ['Platform', image.platform || '-'],
    ['Created', image.created || '-'],
    ['Size', `${formatBytes(image.sizeBytes)} in ${image.layers} layers`],
    ['Entrypoint', JSON.stringify(config.entrypoint)],
    ['Command', JSON.stringify(config.cmd)],
    ['Environment', config.env.join(' ') || '-'],
    ['Working dir', config.workingDir || '/'],
    ['User', config.user || 'root'],
    ['Ports', config.exposedPorts.join(', ') || '-'],
    [
      'Labels',
      Object.entries(config.labels)
        .map(([key, value]) => `${key}=${value}`)
        .join(' ') || '-',
    ],
  ];
  print(flags, image, () => rows.map(([name, value]) => `${`${name}:`.padEnd(13)}${value}`).join('\n'));
}

async function prune(flags: AccessFlags & { readonly all?: boolean; readonly dryRun?: boolean }): Promise<void> {
  const { all = false, dryRun = false } = flags;
  const result = await callCluster<PruneResult>(
    accessOf(flags),
    'POST',
    `${imagesPath}/prune`,
    { all, dryRun },
    600_000,
  );
  const filesystem = await callCluster<ImageFilesystem>(accessOf(flags), 'GET', `${imagesPath}/filesystem`);
  print(flags, result, () => {
    const lines = result.removed.map(({ id, references, sizeBytes }) => {
      const name = references.join(', ') || '<none>';
      return `${dryRun ? 'would remove' : 'removed'} ${name} (${id.slice(7, 19)}, ${formatBytes(sizeBytes)})`;
    });
    const freed = `${dryRun ? 'would free' : 'freed'} ${formatBytes(result.freedBytes)}`;
    return [...lines, `${freed}; ${formatBytes(filesystem.availableBytes)} are free`].join('\n');
  });
}

export function addInventory(image: Command): void {
  withAccess(image.command('list').description('All images of the node'))
    .addHelpText('after', '\nExample:\n  timonel image list -o json')
    .action(async (flags: AccessFlags) => {
      const { items } = await callCluster<ImageItems>(accessOf(flags), 'GET', imagesPath);
      print(flags, items, () => imageTable(items));
    });
  withAccess(image.command('inspect <reference>').description('Configuration, digests and platform of an image'))
    .addHelpText('after', '\nExample:\n  timonel image inspect nginx:1.25')
    .action(inspect);
  withAccess(image.command('rm <reference>').description('Remove a reference, and what nothing else uses'))
    .addHelpText('after', '\nExample:\n  timonel image rm nginx:1.25')
    .action(async (reference: string, flags: AccessFlags) => {
      const path = `${imagesPath}?reference=${encodeURIComponent(reference)}`;
      const result = await callCluster(accessOf(flags), 'DELETE', path);
      print(flags, result, () => `removed ${reference}`);
    });
  withAccess(image.command('prune').description('Remove images that no container uses'))
    .option('--all', 'also those that were used or pulled in the last two minutes')
    .option('--dry-run', 'only say what would go')
    .addHelpText('after', '\nExample:\n  timonel image prune --dry-run')
    .action(prune);
}
