import { textOf } from '../validation/loose.ts';

/** The tag of an image reference; `latest` when it has neither tag nor digest; '' when it has a digest only. */
function imageTag(image: string): string {
  const [name = '', digest] = image.split('@', 2);
  // A colon before the last slash belongs to the registry's port.
  const colon = name.indexOf(':', name.lastIndexOf('/') + 1);
  if (colon >= 0) return name.slice(colon + 1);
  return digest === undefined ? 'latest' : '';
}

/** `Always` for images that may change under their name. */
export function pullPolicyOf(image: unknown): string {
  const reference = textOf(image);
  return reference !== '' && imageTag(reference) === 'latest' ? 'Always' : 'IfNotPresent';
}
