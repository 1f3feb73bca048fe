/** What a pod has to show to registries: from its pull secrets, or those of its service account. */
import { createHash } from 'node:crypto';
import { errorMessage } from '@timonel/sdk';
import type { RegistryCredentials } from '@timonel/sdk/contracts/images';
import type { Pod } from '@timonel/sdk/kube';
import type { RememberedSources } from '../checkpoint/remembered-sources.ts';
import { serviceAccountOf } from '../checkpoint/references.ts';
import { repositoryNamed } from '../container/image-digest.ts';
import { pullCredentials } from './pull-secrets.ts';

export interface ShownCredentials {
  readonly credentials: RegistryCredentials;
  /** By which it is known again: the Secret, and its content. */
  readonly marks: readonly string[];
}

export interface PodCredentials {
  readonly found: readonly ShownCredentials[];
  /** Secrets that are not there or hold no credentials, and why. */
  readonly missing: readonly string[];
}

export type CredentialSources = Pick<RememberedSources, 'secret' | 'serviceAccount'>;

/** Whether a registry of a docker configuration, `host[:port][/path]` with `*` for a part of the host, is that of the image. */
export function fitsImage({ registry }: RegistryCredentials, image: string): boolean {
  const [host = '', ...path] = registry.split('/');
  const [imageHost = '', ...repository] = repositoryNamed(image).split('/');
  const [parts, imageParts] = [host.split('.'), imageHost.split('.')];
  const sameHost =
    parts.length === imageParts.length && parts.every((part, at) => part === '*' || part === imageParts[at]);
  return sameHost && path.every((part, at) => part === repository[at]);
}

async function secretNames(sources: CredentialSources, pod: Pod): Promise<string[]> {
  const own = pod.spec.imagePullSecrets ?? [];
  const named = own.length > 0 ? own : await ofServiceAccount(sources, pod);
  return named.flatMap(({ name = '' }) => (name === '' ? [] : [name]));
}

async function ofServiceAccount(sources: CredentialSources, pod: Pod): Promise<readonly { readonly name?: string }[]> {
  try {
    const account = await sources.serviceAccount(pod.metadata.namespace ?? '', serviceAccountOf(pod));
    return account?.imagePullSecrets ?? [];
  } catch {
    // Most pulls need none: that the account is not to be had must not end them.
    return [];
  }
}

export async function credentialsOf(sources: CredentialSources, pod: Pod): Promise<PodCredentials> {
  const namespace = pod.metadata.namespace ?? '';
  const found: ShownCredentials[] = [];
  const missing: string[] = [];
  for (const name of await secretNames(sources, pod)) {
    try {
      const secret = await sources.secret(namespace, name);
      if (secret === undefined) missing.push(name);
      else {
        const mark = `secret:${namespace}/${name}/${secret.metadata.uid ?? ''}`;
        found.push(...pullCredentials(secret).map((each) => ({ credentials: each, marks: [mark, contentMark(each)] })));
      }
    } catch (error) {
      missing.push(`${name}: ${errorMessage(error)}`);
    }
  }
  return { found, missing };
}

function contentMark({ username, password, identityToken, registryToken }: RegistryCredentials): string {
  const content = JSON.stringify([username, password, identityToken, registryToken]);
  return `content:${createHash('sha256').update(content).digest('hex')}`;
}
