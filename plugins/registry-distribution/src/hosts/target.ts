/** Which addresses a registry may send this client to: redirects, token servers, upload locations. */
import { RegistryFailure, shown, untrusted } from '../failure.ts';
import { addressClass } from '@timonel/sdk/tunnel';

/** Hosts (`host[:port]`) for which plain HTTP was asked for. */
export type PlainHosts = ReadonlySet<string>;

/**
 * The address `location` that `from` names, when it may be followed. A registry elsewhere must not send this node to services of
 * the node itself, nor from HTTPS to plain HTTP. @throws RegistryFailure untrusted
 */
export function checkedTarget(from: URL, location: string | undefined, what: string, plain: PlainHosts): URL {
  if (location === undefined || location === '' || !URL.canParse(location, from.href)) {
    throw new RegistryFailure('refused', `${from.host} sent ${what} without a usable address`);
  }
  const to = new URL(location, from);
  const name = `${from.host} sent ${what} to ${shown(`${to.protocol}//${to.host}`)}`;
  if (to.protocol !== 'https:' && to.protocol !== 'http:') {
    throw untrusted(`${name}, which is neither HTTPS nor HTTP: it is not followed`);
  }
  if (to.username !== '' || to.password !== '')
    throw untrusted(`${name} with a password in the address: it is not followed`);
  // Behind a proxy that ends TLS, registries do not know that they are spoken to by HTTPS.
  if (from.protocol === 'https:' && to.protocol === 'http:' && to.host === from.host) to.protocol = 'https:';
  const [there, here] = [addressClass(to.hostname), addressClass(from.hostname)];
  if (there !== 'elsewhere' && here === 'elsewhere') {
    throw untrusted(`${name}, an address of this node: it is not followed`);
  }
  if (from.protocol === 'https:' && to.protocol === 'http:' && there !== 'loopback' && !plain.has(to.host)) {
    throw untrusted(
      `${name}, which is plain HTTP: it is not followed`,
      `let the registry use HTTPS, or list ${to.host} in insecurePlainHttp`,
    );
  }
  return to;
}

/** Whether passwords and tokens may go to this address. */
export function mayCarrySecrets(url: URL, plain: PlainHosts): boolean {
  return url.protocol === 'https:' || addressClass(url.hostname) === 'loopback' || plain.has(url.host);
}
