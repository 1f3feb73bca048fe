/** Manifests and indexes: their media types, and what their bytes must hold. */
import { shown, untrusted } from '../failure.ts';

const manifests = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
] as const;
const indexes = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
] as const;

const known: ReadonlySet<string> = new Set([...manifests, ...indexes]);
const listed: ReadonlySet<string> = new Set(indexes);

/** `Accept` of requests for manifests. */
export const accepted: string = [...indexes, ...manifests].join(', ');

/** Without parameters, in lower case. */
export function bareType(contentType: string): string {
  return (contentType.split(';', 1)[0] ?? '').trim().toLowerCase();
}

export function isManifestType(mediaType: string): boolean {
  return known.has(mediaType);
}

/** @throws RegistryFailure untrusted */
export function refuseSchema1(mediaType: string, version?: unknown): void {
  if (!mediaType.startsWith('application/vnd.docker.distribution.manifest.v1') && version !== 1) return;
  throw untrusted(
    'the image is in the outdated format of Docker manifests schema 1, whose layers cannot be checked',
    'push it anew with a current tool (skopeo copy, docker push)',
  );
}

interface ManifestFields {
  readonly schemaVersion?: unknown;
  readonly mediaType?: unknown;
  readonly manifests?: unknown;
  readonly layers?: unknown;
}

/** The media type of a manifest's bytes; `announced`: what the registry said. @throws RegistryFailure untrusted */
export function manifestType(bytes: Buffer, announced: string): string {
  let fields: ManifestFields;
  try {
    fields = JSON.parse(bytes.toString('utf8')) as ManifestFields;
  } catch {
    throw untrusted('what the registry has as a manifest is not JSON', 'push the image again');
  }
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) {
    throw untrusted('what the registry has as a manifest is not a JSON object', 'push the image again');
  }
  refuseSchema1(announced, fields.schemaVersion);
  const own = typeof fields.mediaType === 'string' ? fields.mediaType : '';
  if (known.has(announced) && own !== '' && own !== announced) {
    throw untrusted(`the manifest says it is ${shown(own)}, and the registry ${announced}: one of them is wrong`);
  }
  const type = known.has(announced) ? announced : own;
  if (!known.has(type)) {
    const what = shown(type === '' ? announced : type);
    throw untrusted(
      `${what === '' ? 'something without a type' : what} is neither a manifest nor an index of an image`,
    );
  }
  // What is both could be one for one reader and the other for the next.
  if (fields[listed.has(type) ? 'layers' : 'manifests'] !== undefined) {
    throw untrusted('the manifest has layers and manifests at once: it is ambiguous');
  }
  return type;
}
