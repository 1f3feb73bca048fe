/** Names that become part of an address. Whoever parsed them checked them too: a mistake here would ask for something else. */
import { ImageError } from '@timonel/sdk/contracts/images';
import type { ImageReference } from '@timonel/sdk/contracts/registry';
import { shown } from './failure.ts';

const repositoryPattern = /^[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*$/;
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const digestPattern = /^sha256:[0-9a-f]{64}$/;

function invalid(what: string, text: string): ImageError {
  return new ImageError('InvalidImageName', `${JSON.stringify(shown(text))} is not ${what}`);
}

/** @throws ImageError InvalidImageName */
export function checkDigest(digest: string): void {
  if (!digestPattern.test(digest)) throw invalid('a digest: they are written sha256: and 64 hex digits', digest);
}

/** @throws ImageError InvalidImageName */
export function checkNames({ repository }: ImageReference): void {
  if (repository.length > 255 || !repositoryPattern.test(repository))
    throw invalid('the name of a repository', repository);
}

/** How the manifest is called in its repository: by its digest where there is one. @throws ImageError InvalidImageName */
export function nameIn({ tag, digest }: ImageReference): string {
  if (digest !== '') {
    checkDigest(digest);
    return digest;
  }
  if (!tagPattern.test(tag)) throw invalid('a tag', tag);
  return tag;
}

/** For messages. */
export function shownName({ registry, repository, tag, digest }: ImageReference): string {
  return shown(`${registry}/${repository}${tag && `:${tag}`}${digest && `@${digest}`}`);
}
