import { createHash } from 'node:crypto';
import { pauseProgram } from './pause-program.ts';

/** What `sandbox_image` of containerd has to be, for nothing to be fetched from outside. */
export const pauseImage = 'timonel.local/pause:1';

const blockBytes = 512;

interface TarFile {
  readonly name: string;
  readonly content: Buffer;
  readonly mode: number;
}

/** Files only, in the ustar format. */
function tar(files: readonly TarFile[]): Buffer {
  const blocks = files.flatMap(({ name, content, mode }) => {
    const head = Buffer.alloc(blockBytes);
    const octal = (value: number, at: number, digits: number): void => {
      head.write(`${value.toString(8).padStart(digits, '0')}\0`, at, 'latin1');
    };
    head.write(name, 0, 'latin1');
    octal(mode, 100, 7);
    octal(0, 108, 7);
    octal(0, 116, 7);
    octal(content.length, 124, 11);
    octal(0, 136, 11);
    head.write('        0', 148, 'latin1'); // the sum counts as spaces; then the type
    head.write('ustar\x0000', 257, 'latin1');
    octal(
      head.reduce((sum, byte) => sum + byte, 0),
      148,
      6,
    );
    return [head, content, Buffer.alloc((blockBytes - (content.length % blockBytes)) % blockBytes)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(2 * blockBytes)]);
}

function digest(content: Buffer): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}

/** An OCI-layout archive of the sandbox image; the same bytes each time. */
export function pauseArchive(architecture: string): Buffer {
  const layer = tar([{ name: 'pause', content: pauseProgram(architecture), mode: 0o755 }]);
  const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
  const config = json({
    architecture,
    os: 'linux',
    config: { Entrypoint: ['/pause'] },
    rootfs: { type: 'layers', diff_ids: [digest(layer)] },
  });
  const vendor = 'application/vnd.oci.image';
  const about = (mediaType: string, content: Buffer): object => ({
    mediaType: `${vendor}.${mediaType}`,
    digest: digest(content),
    size: content.length,
  });
  const manifest = json({
    schemaVersion: 2,
    mediaType: `${vendor}.manifest.v1+json`,
    config: about('config.v1+json', config),
    layers: [about('layer.v1.tar', layer)],
  });
  const names = { 'io.containerd.image.name': pauseImage, 'org.opencontainers.image.ref.name': '1' };
  const index = json({ schemaVersion: 2, manifests: [{ ...about('manifest.v1+json', manifest), annotations: names }] });
  const blob = (content: Buffer): TarFile => ({
    name: `blobs/sha256/${digest(content).slice('sha256:'.length)}`,
    content,
    mode: 0o644,
  });
  return tar([
    { name: 'oci-layout', content: json({ imageLayoutVersion: '1.0.0' }), mode: 0o644 },
    { name: 'index.json', content: index, mode: 0o644 },
    ...[layer, config, manifest].map(blob),
  ]);
}
