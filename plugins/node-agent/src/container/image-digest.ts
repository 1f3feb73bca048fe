/** The name under which a registry gives out exactly this image. Pure. */
import type { ImageInfo } from '@timonel/sdk/contracts/images';

function repositoryOf(reference: string): string {
  const [name = ''] = reference.split('@');
  return name.replace(/:[^/:]*$/, '');
}

/** `docker.io/library/nginx` for `nginx`: as full references are written. */
export function repositoryNamed(image: string): string {
  const name = repositoryOf(image);
  const [first = '', ...rest] = name.split('/');
  const hasHost = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  if (hasHost) return name;
  return rest.length === 0 ? `docker.io/library/${name}` : `docker.io/${name}`;
}

/** `repository@sha256:…` of an image as a pod names it. Undefined: no registry's name for it is known. */
export function digestReference(image: string, digests: readonly string[] = []): string | undefined {
  const [digest] = digests;
  const [name = '', asked] = image.split('@');
  if (/^sha256:[0-9a-f]+$/.test(name)) return undefined;
  const known = asked ?? digest;
  return known === undefined ? undefined : `${repositoryNamed(image)}@${known}`;
}

/** All names that a node tells of an image: by digest, and by tag. */
export function namesOf({ references, digests = [] }: Pick<ImageInfo, 'references' | 'digests'>): string[] {
  const [digest] = digests;
  if (digest === undefined) return [...references];
  const byDigest = references.map((reference) => `${repositoryOf(reference)}@${digest}`);
  return [...new Set([...byDigest, ...references])];
}
