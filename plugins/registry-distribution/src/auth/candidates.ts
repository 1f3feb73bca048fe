/** Which credentials are for a registry, in which order. */
import { createHash } from 'node:crypto';
import type { RegistryCredentials } from '@timonel/sdk/contracts/images';

/** What one may try to be at a registry; without credentials: nobody. */
export interface Candidate {
  /** Tells those apart whose tokens must not be mixed up. */
  readonly id: string;
  readonly credentials: RegistryCredentials | undefined;
}

export const nobody: Candidate = { id: '', credentials: undefined };

const candidateLimit = 16;
const dockerHosts: ReadonlySet<string> = new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io']);

interface Entry {
  readonly host: string;
  readonly path: string;
}

/** `https://index.docker.io/v1/`, `quay.io/team`, `*.example.com:5000`. */
function parseEntry(text: string): Entry {
  const bare = text.slice(0, 1024).replace(/^https?:\/\//i, '');
  const slash = bare.indexOf('/');
  const host = (slash < 0 ? bare : bare.slice(0, slash)).toLowerCase();
  const path = slash < 0 ? '' : bare.slice(slash + 1).replace(/\/+$/, '');
  // Docker's own entry has the version of an interface for a path.
  return { host: dockerHosts.has(host) ? 'docker.io' : host, path: /^v[12]$/.test(path) ? '' : path };
}

function partFits(pattern: string, part: string): boolean {
  const pieces = pattern.split('*');
  if (pieces.length === 1) return pattern === part;
  const [first = '', last = ''] = [pieces[0], pieces.at(-1)];
  if (part.length < first.length + last.length || !part.startsWith(first) || !part.endsWith(last)) return false;
  let at = first.length;
  for (const piece of pieces.slice(1, -1)) {
    const found = part.indexOf(piece, at);
    if (found < 0) return false;
    at = found + piece.length;
  }
  return at <= part.length - last.length;
}

function hostFits(pattern: string, host: string): boolean {
  if (!pattern.includes('*')) return pattern === host;
  const [patterns, parts] = [pattern.split('.'), host.split('.')];
  return patterns.length === parts.length && patterns.every((part, at) => partFits(part, parts[at] ?? ''));
}

/** Whether the entry of a `config.json` is for this registry and repository. */
export function entryFits(text: string, registry: string, repository: string): boolean {
  const { host, path } = parseEntry(text);
  const lower = registry.toLowerCase();
  if (!hostFits(host, dockerHosts.has(lower) ? 'docker.io' : lower)) return false;
  return path === '' || repository === path || repository.startsWith(`${path}/`);
}

/** Those that fit, the most specific first, and nobody at the end. */
export function candidatesOf(
  all: readonly RegistryCredentials[],
  registry: string,
  repository: string,
): readonly Candidate[] {
  const fitting = all
    .filter((credentials) => isUsable(credentials) && entryFits(credentials.registry, registry, repository))
    .map((credentials) => ({
      id: identify(credentials),
      credentials,
      path: parseEntry(credentials.registry).path.length,
    }))
    .sort((one, other) => other.path - one.path);
  const seen = new Set<string>();
  const different = fitting.filter(({ id }) => !seen.has(id) && seen.add(id));
  return [...different.slice(0, candidateLimit), nobody];
}

function isUsable({ username, identityToken = '', registryToken = '' }: RegistryCredentials): boolean {
  return username !== undefined || identityToken !== '' || registryToken !== '';
}

function identify({ username, password, identityToken, registryToken }: RegistryCredentials): string {
  const text = JSON.stringify([username, password, identityToken, registryToken]);
  return createHash('sha256').update(text).digest('base64');
}

/** Who this is, for messages; never a secret. */
export function nameOf({ credentials }: Candidate): string {
  if (credentials === undefined) return 'nobody';
  const { registryToken, identityToken, username } = credentials;
  if (registryToken !== undefined) return 'the holder of a token';
  if (username !== undefined && username !== '') return username;
  return identityToken === undefined ? 'a user without name' : 'the holder of an identity token';
}
