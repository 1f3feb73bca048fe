/** Credentials of registries in Secrets of types `kubernetes.io/dockerconfigjson` and `kubernetes.io/dockercfg`. Pure. */
import type { RegistryCredentials } from '@timonel/sdk/contracts/images';
import type { Secret } from '@timonel/sdk/kube';

type Entry = Readonly<Record<string, unknown>>;

function isEntry(value: unknown): value is Entry {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textOf(entry: Entry, key: string): string {
  const value = entry[key];
  return typeof value === 'string' ? value : '';
}

/** `https://index.docker.io/v1/`, as docker writes it, is `docker.io`. */
function registryOf(key: string): string {
  const bare = key
    .replace(/^https?:\/\//, '')
    .replace(/\/+$/, '')
    .replace(/\/v[12]$/, '');
  return bare === 'index.docker.io' || bare === 'registry-1.docker.io' ? 'docker.io' : bare;
}

function userAndPassword(entry: Entry): { readonly username: string; readonly password: string } {
  const written = { username: textOf(entry, 'username'), password: textOf(entry, 'password') };
  const auth = textOf(entry, 'auth');
  if (auth === '') return written;
  const decoded = Buffer.from(auth, 'base64').toString('utf8').replace(/\0+$/, '');
  const at = decoded.indexOf(':');
  if (at < 0) throw new Error('auth is not the base64 of user:password');
  return { username: decoded.slice(0, at), password: decoded.slice(at + 1) };
}

function credentialsOf(key: string, value: unknown): RegistryCredentials {
  if (!isEntry(value)) throw new Error(`the entry of ${JSON.stringify(key)} is no object`);
  const { username, password } = userAndPassword(value);
  const identityToken = textOf(value, 'identitytoken');
  const registryToken = textOf(value, 'registrytoken');
  return {
    registry: registryOf(key),
    ...(username === '' ? {} : { username, password }),
    ...(identityToken === '' ? {} : { identityToken }),
    ...(registryToken === '' ? {} : { registryToken }),
  };
}

function parsed(data: string): Entry {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(data, 'base64').toString('utf8'));
  } catch {
    // The parser's message would show what is secret.
    throw new Error('it is no JSON');
  }
  if (!isEntry(value)) throw new Error('it is no object');
  return value;
}

/** @throws Error when the Secret is of another type, or not what its type says; without its content */
export function pullCredentials({ type = '', data = {} }: Secret): RegistryCredentials[] {
  if (type === 'kubernetes.io/dockerconfigjson') {
    const auths = parsed(data['.dockerconfigjson'] ?? '')['auths'] ?? {};
    if (!isEntry(auths)) throw new Error('auths is no object');
    return Object.entries(auths).map(([key, value]) => credentialsOf(key, value));
  }
  if (type === 'kubernetes.io/dockercfg') {
    return Object.entries(parsed(data['.dockercfg'] ?? '')).map(([key, value]) => credentialsOf(key, value));
  }
  throw new Error(`its type is ${type === '' ? 'Opaque' : type}, not kubernetes.io/dockerconfigjson`);
}
