/** Manifests: found, fetched, sent. */
import { createHash } from 'node:crypto';
import type { Env } from '@timonel/sdk';
import type { Descriptor, Manifest } from '@timonel/sdk/contracts/registry';
import type { Caller, Target } from '../caller.ts';
import type { RegistryConfig } from '../config.ts';
import { RegistryFailure, untrusted } from '../failure.ts';
import type { Retries } from '../retry.ts';
import { announcedLength, discard, header, readBody, refuseEncoding, type Answer } from '../http/answer.ts';
import { accepted, bareType, isManifestType, manifestType, refuseSchema1 } from './media-types.ts';

export const manifestLimitBytes: number = 4 * 1024 * 1024;

const digestPattern = /^sha256:[0-9a-f]{64}$/;

export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

export interface ManifestParts {
  readonly caller: Caller;
  readonly env: Env;
  readonly config: RegistryConfig;
  readonly retries: Retries;
}

/** What a tag (or digest) is at the moment. @throws RegistryFailure */
export async function resolveManifest(parts: ManifestParts, target: Target, name: string): Promise<Descriptor> {
  const call = { method: 'HEAD', to: `manifests/${name}`, headers: { accept: accepted }, expected: [200] };
  let answer: Answer;
  try {
    answer = await parts.caller.call(target, call);
  } catch (error) {
    // An answer to HEAD has no body that would say why, and some registries do not know the method.
    if ((error as Partial<RegistryFailure>).kind !== 'refused') throw error;
    return fetchManifest(parts, target, name);
  }
  discard(answer);
  const told = describedBy(answer);
  if (told === undefined) return fetchManifest(parts, target, name);
  if (digestPattern.test(name) && told.digest !== name) throw otherDigest(answer.url.host, name, told.digest);
  if (told.size > manifestLimitBytes) throw untrusted(`the manifest is larger than ${manifestLimitBytes} bytes`);
  return told;
}

/** Undefined: the head does not tell all of it. */
function describedBy(answer: Answer): Descriptor | undefined {
  const digest = header(answer, 'docker-content-digest');
  const mediaType = bareType(header(answer, 'content-type'));
  const size = announcedLength(answer);
  refuseSchema1(mediaType);
  if (!digestPattern.test(digest) || size === undefined || size === 0 || !isManifestType(mediaType)) return undefined;
  refuseEncoding(answer);
  return { digest, mediaType, size };
}

function otherDigest(host: string, wanted: string, got: string): RegistryFailure {
  return untrusted(
    `${host} has ${got} where ${wanted} was asked for`,
    'the registry or a proxy before it is broken, or worse',
  );
}

/** The manifest of this tag or digest; a digest is checked. @throws RegistryFailure */
export async function fetchManifest(
  { caller, config }: ManifestParts,
  target: Target,
  name: string,
): Promise<Manifest> {
  const call = { method: 'GET', to: `manifests/${name}`, headers: { accept: accepted }, expected: [200] };
  const answer = await caller.call(target, call);
  const { requestTimeoutMs: timeoutMs } = config;
  const { signal } = target;
  const limits = { timeoutMs, limitBytes: manifestLimitBytes, what: 'the manifest', signal };
  const bytes = await readBody(answer, limits);
  const digest = digestOf(bytes);
  if (digestPattern.test(name) && digest !== name) throw otherDigest(answer.url.host, name, digest);
  return {
    digest,
    mediaType: manifestType(bytes, bareType(header(answer, 'content-type'))),
    size: bytes.length,
    bytes,
  };
}

/** @throws RegistryFailure */
export async function sendManifest(
  { caller }: ManifestParts,
  target: Target,
  name: string,
  manifest: Manifest,
): Promise<void> {
  const { bytes, digest, mediaType } = manifest;
  if (bytes.length > manifestLimitBytes) {
    throw new RegistryFailure(
      'refused',
      `the manifest has ${bytes.length} bytes: registries take ${manifestLimitBytes}`,
    );
  }
  if (digestOf(bytes) !== digest) throw untrusted(`the bytes of manifest ${digest} are others than its digest says`);
  const answer = await caller.call(target, {
    method: 'PUT',
    to: `manifests/${name}`,
    headers: { 'content-type': mediaType },
    body: bytes,
    expected: [200, 201, 202],
    push: true,
  });
  discard(answer);
  const stored = header(answer, 'docker-content-digest');
  if (stored !== '' && stored !== digest) throw otherDigest(answer.url.host, digest, stored);
}
