import { ImageError } from '@timonel/sdk/contracts/images';
import type { ImageReference as RegistryReference } from '@timonel/sdk/contracts/registry';

/** An image reference in full: `docker.io/library/nginx:latest`, with `@sha256:…` when it names a digest. */
export interface ImageReference {
  /** Registry and path: `docker.io/library/nginx`. */
  readonly repository: string;
  /** Empty when only a digest was given. */
  readonly tag: string;
  /** `sha256:…`; empty: none. */
  readonly digest: string;
  /** The canonical text of all three. */
  readonly full: string;
  /** What an image that is found by it is called here: a digest says more than the tag before it. */
  readonly name: string;
}

// The grammar of the distribution specification: https://github.com/distribution/reference
const component = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const domain =
  /^(?:(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?$/;
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const digestPattern = /^sha256:[0-9a-f]{64}$/;

/** Reads a reference as docker does: `nginx` means `docker.io/library/nginx:latest`. @throws ImageError InvalidImageName */
export function parseReference(text: string): ImageReference {
  if (text.length > 1024) throw invalid(text, 'it is longer than 1024 characters');
  const at = text.indexOf('@');
  const digest = at < 0 ? '' : text.slice(at + 1);
  if (at >= 0 && !digestPattern.test(digest)) throw invalid(text, 'a digest is written sha256: and 64 hex digits');
  const named = at < 0 ? text : text.slice(0, at);
  const colon = named.lastIndexOf(':');
  const tagged = colon > named.lastIndexOf('/');
  let tag = tagged ? named.slice(colon + 1) : '';
  if (tagged && !tagPattern.test(tag)) throw invalid(text, `${JSON.stringify(tag)} is not a tag`);
  if (tag === '' && digest === '') tag = 'latest';
  const repository = parseRepository(text, tagged ? named.slice(0, colon) : named);
  const full = `${repository}${tag && `:${tag}`}${digest && `@${digest}`}`;
  return { repository, tag, digest, full, name: digest === '' ? full : `${repository}@${digest}` };
}

/** As clients of registries take it. */
export function registryReference({ repository, tag, digest }: ImageReference): RegistryReference {
  const slash = repository.indexOf('/');
  return { registry: repository.slice(0, slash), repository: repository.slice(slash + 1), tag, digest };
}

/** True for `sha256:…` alone, which names an image by its id. */
export function isImageId(text: string): boolean {
  return digestPattern.test(text);
}

function parseRepository(text: string, name: string): string {
  if (name === '') throw invalid(text, 'it has no name');
  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  const isDomain = first !== '' && (/[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase());
  const registry = isDomain ? (first === 'index.docker.io' ? 'docker.io' : first) : 'docker.io';
  let path = isDomain ? name.slice(slash + 1) : name;
  if (isDomain && !domain.test(first)) throw invalid(text, `${JSON.stringify(first)} is not a registry host`);
  if (registry === 'docker.io' && !path.includes('/')) path = `library/${path}`;
  for (const part of path.split('/')) {
    if (!component.test(part)) {
      throw invalid(
        text,
        `${JSON.stringify(part)} is not a name part (lower case letters, digits, and . _ - between them)`,
      );
    }
  }
  const repository = `${registry}/${path}`;
  if (repository.length > 255) throw invalid(text, 'the name is longer than 255 characters');
  return repository;
}

function invalid(text: string, why: string): ImageError {
  const shown = text.length > 120 ? `${text.slice(0, 120)}…` : text;
  return new ImageError('InvalidImageName', `${JSON.stringify(shown)} is not an image name: ${why}`);
}
