/** The name under which a registry gives out exactly this image. Pure. */

function repositoryOf(reference: string): string {
  const [name = ''] = reference.split('@');
  return name.replace(/:[^/:]*$/, '');
}

/** `docker.io/library/nginx` for `nginx`: as full references are written. */
function fullRepository(image: string): string {
  const name = repositoryOf(image);
  const [first = '', ...rest] = name.split('/');
  const hasHost = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  if (hasHost) return name;
  return rest.length === 0 ? `docker.io/library/${name}` : `docker.io/${name}`;
}

/** `repository@sha256:…`: that of the repository which the pod names, else another one of the image. Undefined: not known. */
export function digestReference(image: string, references: readonly string[]): string | undefined {
  const known = references.filter((reference) => reference.includes('@sha256:'));
  const wanted = fullRepository(image);
  const found = known.find((reference) => repositoryOf(reference) === wanted) ?? known[0];
  if (found !== undefined) return `${repositoryOf(found)}@${found.slice(found.indexOf('@') + 1)}`;
  return image.includes('@sha256:') ? `${wanted}@${image.slice(image.indexOf('@') + 1)}` : undefined;
}
