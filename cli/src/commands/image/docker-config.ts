/** What `docker login`, `podman login` and `skopeo login` left for a registry. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { RegistryCredentials } from '@timonel/sdk/contracts/images';
import { CliError, exitCodes } from '../../errors.ts';

interface StoredLogin {
  readonly auth?: string;
  readonly username?: string;
  readonly password?: string;
  readonly identitytoken?: string;
  readonly registrytoken?: string;
}

interface DockerConfig {
  readonly auths?: Readonly<Record<string, StoredLogin>>;
  readonly credHelpers?: Readonly<Record<string, string>>;
  readonly credsStore?: string;
}

/** `host[:port]` of an image name, as docker reads it. */
export function registryOf(reference: string): string {
  const slash = reference.indexOf('/');
  const first = slash < 0 ? '' : reference.slice(0, slash);
  const isHost = /[.:]/.test(first) || first === 'localhost';
  return !isHost || first === 'index.docker.io' ? 'docker.io' : first;
}

/** The part of a key of the file that names a host: `https://index.docker.io/v1/` means `docker.io`. */
function keyOf(name: string): string {
  const bare = name.replace(/^https?:\/\//, '').replace(/\/+$/, '');
  return /^(index\.|registry-1\.)?docker\.io(\/v[12])?$/.test(bare) ? 'docker.io' : bare;
}

export function dockerConfigPath(env: NodeJS.ProcessEnv = process.env): string {
  return join(env['DOCKER_CONFIG'] ?? join(homedir(), '.docker'), 'config.json');
}

/** @throws CliError when the file is there and cannot be used */
function readConfig(path: string): DockerConfig {
  if (!existsSync(path)) return {};
  try {
    const value = JSON.parse(readFileSync(path, 'utf8')) as unknown;
    return typeof value === 'object' && value !== null ? value : {};
  } catch (cause) {
    const why = String((cause as { message?: unknown }).message ?? cause);
    throw new CliError(`${path} cannot be read (${why}): mend it, or log in again.`, exitCodes.failure, { cause });
  }
}

function fromLogin(registry: string, login: StoredLogin): RegistryCredentials {
  const [, name, secret] = /^([^:]*):([^]*)$/.exec(Buffer.from(login.auth ?? '', 'base64').toString('utf8')) ?? [];
  const username = login.username ?? name;
  const password = login.password ?? secret;
  return {
    registry,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(login.identitytoken === undefined ? {} : { identityToken: login.identitytoken }),
    ...(login.registrytoken === undefined ? {} : { registryToken: login.registrytoken }),
  };
}

function fromHelper(registry: string, helper: string): readonly RegistryCredentials[] {
  if (!/^[\w.-]+$/.test(helper)) return [];
  const server = registry === 'docker.io' ? 'https://index.docker.io/v1/' : registry;
  const options = { input: server, encoding: 'utf8', timeout: 30_000, env: process.env } as const;
  const { status, stdout } = spawnSync(`docker-credential-${helper}`, ['get'], options);
  // A helper that knows nothing of this registry fails too.
  if (status !== 0) return [];
  try {
    const { Username: username = '', Secret: secret = '' } = JSON.parse(stdout) as {
      Username?: string;
      Secret?: string;
    };
    if (username === '<token>') return [{ registry, identityToken: secret }];
    return [{ registry, username, password: secret }];
  } catch {
    return [];
  }
}

/** The credentials for an image's registry: those of the file whose key fits, `host/path` before `host`. */
export function storedCredentials(reference: string, path: string): readonly RegistryCredentials[] {
  const config = readConfig(path);
  const registry = registryOf(reference);
  const helper = config.credHelpers?.[registry] ?? config.credsStore;
  const helped = helper === undefined ? [] : fromHelper(registry, helper);
  if (helped.length > 0) return helped;
  return Object.entries(config.auths ?? {})
    .map(([name, login]) => ({ key: keyOf(name), login }))
    .filter(({ key }) => key === registry || reference.startsWith(`${key}/`))
    .sort((a, b) => b.key.length - a.key.length)
    .map(({ key, login }) => fromLogin(key, login))
    .filter(({ username = '', identityToken, registryToken }) => username !== '' || identityToken || registryToken);
}
