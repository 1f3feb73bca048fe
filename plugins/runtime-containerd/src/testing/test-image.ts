import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RootFilesystem } from '@timonel/sdk/contracts/runtime';
import { makeHostTree } from '../../../../test/support/containerd/host-tree.ts';

export interface TestImage {
  readonly image: RootFilesystem;
  /** An OCI-layout archive of it. */
  readonly archive: string;
}

const reference = 'timonel.local/containerd-test:host';

function digest(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

/** An image with a few programs of this host. It lies in `directory`, which the caller removes. */
export function makeTestImage(directory: string, options: { readonly node: boolean }): TestImage {
  const tree = join(directory, 'tree');
  const layout = join(directory, 'layout');
  const blobs = join(layout, 'blobs', 'sha256');
  mkdirSync(blobs, { recursive: true });
  makeHostTree(tree, options);
  const layer = join(directory, 'layer.tar');
  execFileSync('tar', ['--numeric-owner', '--owner=0', '--group=0', '-C', tree, '-cf', layer, '.']);
  const blob = (content: Buffer, mediaType: string): { mediaType: string; digest: string; size: number } => {
    writeFileSync(join(blobs, digest(content)), content);
    return { mediaType, digest: `sha256:${digest(content)}`, size: content.length };
  };
  const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
  const layerBlob = blob(readFileSync(layer), 'application/vnd.oci.image.layer.v1.tar');
  const config = json({
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    config: { Env: ['PATH=/usr/bin:/bin'] },
    rootfs: { type: 'layers', diff_ids: [layerBlob.digest] },
  });
  const configBlob = blob(config, 'application/vnd.oci.image.config.v1+json');
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const manifest = blob(json({ schemaVersion: 2, mediaType, config: configBlob, layers: [layerBlob] }), mediaType);
  const annotations = { 'io.containerd.image.name': reference, 'org.opencontainers.image.ref.name': reference };
  writeFileSync(join(layout, 'oci-layout'), json({ imageLayoutVersion: '1.0.0' }));
  writeFileSync(join(layout, 'index.json'), json({ schemaVersion: 2, manifests: [{ ...manifest, annotations }] }));
  const archive = join(directory, 'image.tar');
  execFileSync('tar', ['-C', layout, '-cf', archive, '.']);
  for (const path of [tree, layout, layer]) rmSync(path, { recursive: true, force: true });
  return { image: { imageId: configBlob.digest, reference, layers: [] }, archive };
}
