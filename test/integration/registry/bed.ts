/** What the tests with a real registry share. */
import { createHash } from 'node:crypto';
import { createRealEnv } from '@timonel/core/env';
import { openImageRegistry, type OpenImageRegistry } from '@timonel/plugin-registry-distribution';
import type { ImageReference, RegistryAccess } from '@timonel/sdk/contracts/registry';
import { createRecordingLogger } from '@timonel/testkit';

export const anyone: RegistryAccess = { credentials: [], plainHttp: false, signal: undefined };

export function openClient(config: Readonly<Record<string, unknown>> = {}): OpenImageRegistry {
  return openImageRegistry({ env: createRealEnv(), log: createRecordingLogger(), config });
}

export function named(registry: string, repository: string, tag = 'latest'): ImageReference {
  return { registry, repository, tag, digest: '' };
}

export async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export function digestOf(bytes: string | Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

export interface Place {
  readonly reference: ImageReference;
  readonly access?: RegistryAccess;
}

/** Whatever the reference names, with all it consists of, from one place to another. */
export async function copyImage(client: OpenImageRegistry, from: Place, to: Place): Promise<void> {
  const { digest } = await client.resolve(from.reference, from.access ?? anyone);
  await copyManifest(client, { ...from, reference: { ...from.reference, digest } }, to);
}

async function copyManifest(client: OpenImageRegistry, from: Place, to: Place): Promise<void> {
  const [read, write] = [from.access ?? anyone, to.access ?? anyone];
  const manifest = await client.manifest(from.reference, from.reference.digest, read);
  const parts = JSON.parse(Buffer.from(manifest.bytes).toString()) as {
    manifests?: { digest: string }[];
    config?: { digest: string; size: number; mediaType: string };
    layers?: { digest: string; size: number; mediaType: string }[];
  };
  for (const { digest } of parts.manifests ?? []) {
    const target = { ...to, reference: { ...to.reference, tag: '', digest } };
    await copyManifest(client, { ...from, reference: { ...from.reference, digest } }, target);
  }
  for (const blob of [...(parts.layers ?? []), ...(parts.config === undefined ? [] : [parts.config])]) {
    await client.pushBlob(to.reference, blob, () => client.blob(from.reference, blob, read), write);
  }
  await client.pushManifest(to.reference, manifest, write);
}
