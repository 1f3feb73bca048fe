/** Image archives made in memory: docker-archives and OCI layouts. */
import { gzipSync } from 'node:zlib';
import { sha256Hex, writeTar, type TarMember } from './tar-writer.ts';

export interface ImageParts {
  /** Plain tars, bottom first. */
  readonly layers: readonly Uint8Array[];
  /** The `config` object of the OCI image configuration. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly references?: readonly string[];
  /** In place of the real ones. */
  readonly diffIds?: readonly string[];
  readonly architecture?: string;
  readonly variant?: string;
}

/** This machine's architecture as OCI names it. */
export const thisArchitecture: string =
  ({ x64: 'amd64', ia32: '386' } as Record<string, string>)[process.arch] ?? process.arch;

export function configurationOf(parts: ImageParts): Buffer {
  return Buffer.from(
    JSON.stringify({
      architecture: parts.architecture ?? thisArchitecture,
      os: 'linux',
      ...(parts.variant === undefined ? {} : { variant: parts.variant }),
      created: '2026-01-02T03:04:05Z',
      config: parts.config ?? {},
      rootfs: { type: 'layers', diff_ids: parts.diffIds ?? parts.layers.map((layer) => `sha256:${sha256Hex(layer)}`) },
    }),
  );
}

/** As `docker save` and `skopeo copy … docker-archive:` write it. */
export function dockerArchive(images: readonly ImageParts[]): Buffer {
  const members: TarMember[] = [];
  const manifests = images.map((parts) => {
    const configuration = configurationOf(parts);
    const configName = `${sha256Hex(configuration)}.json`;
    const layerNames = parts.layers.map((layer) => `${sha256Hex(layer)}.tar`);
    members.push({ name: configName, content: configuration });
    parts.layers.forEach((layer, i) => members.push({ name: layerNames[i] ?? '', content: layer }));
    return { Config: configName, RepoTags: parts.references ?? null, Layers: layerNames };
  });
  return writeTar([...members, { name: 'manifest.json', content: JSON.stringify(manifests) }]);
}

/** As `skopeo copy … oci-archive:` writes it; `index` wraps the platforms of one image in an image index. */
export function ociArchive(
  images: readonly ImageParts[],
  options: { readonly index?: boolean; readonly breakBlob?: boolean; readonly layerMagic?: Uint8Array } = {},
): Buffer {
  const members: TarMember[] = [{ name: 'oci-layout', content: '{"imageLayoutVersion":"1.0.0"}' }];
  const blob = (mediaType: string, bytes: Uint8Array): { mediaType: string; digest: string; size: number } => {
    const hex = sha256Hex(bytes);
    members.push({ name: `blobs/sha256/${hex}`, content: bytes });
    return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
  };
  const manifests = images.map((parts) => {
    const manifest = {
      schemaVersion: 2,
      config: blob('application/vnd.oci.image.config.v1+json', configurationOf(parts)),
      layers: parts.layers.map((layer) =>
        blob('application/vnd.oci.image.layer.v1.tar+gzip', options.layerMagic ?? gzipSync(layer)),
      ),
    };
    const name = parts.references?.[0];
    return {
      ...blob('application/vnd.oci.image.manifest.v1+json', Buffer.from(JSON.stringify(manifest))),
      ...(options.index === true
        ? { platform: { os: 'linux', architecture: parts.architecture ?? thisArchitecture } }
        : {}),
      ...(name === undefined ? {} : { annotations: { 'org.opencontainers.image.ref.name': name } }),
    };
  });
  let top: readonly unknown[] = manifests;
  if (options.index === true) {
    const index = Buffer.from(JSON.stringify({ schemaVersion: 2, manifests }));
    const name = images[0]?.references?.[0];
    const annotations = name === undefined ? {} : { annotations: { 'org.opencontainers.image.ref.name': name } };
    top = [{ ...blob('application/vnd.oci.image.index.v1+json', index), ...annotations }];
  }
  const wanted = members.findIndex(({ name }) => name.startsWith('blobs/'));
  if (options.breakBlob === true && members[wanted] !== undefined) {
    members[wanted] = { ...members[wanted], content: `${Buffer.from(members[wanted].content ?? '').toString()} ` };
  }
  return writeTar([...members, { name: 'index.json', content: JSON.stringify({ schemaVersion: 2, manifests: top }) }]);
}
