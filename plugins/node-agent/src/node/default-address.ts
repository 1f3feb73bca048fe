/** The address of this machine: that of the interface with the default route. */
import { readFile } from 'node:fs/promises';
import { networkInterfaces, type NetworkInterfaceInfo } from 'node:os';

/** The interface of the default route with the lowest metric in the text of /proc/net/route. Undefined: there is none. */
export function defaultInterface(routes: string): string | undefined {
  let found: { name: string; metric: number } | undefined;
  for (const line of routes.split('\n').slice(1)) {
    const [name = '', destination, , flags = '0', , , metric, mask] = line.split(/\s+/);
    const isUp = (Number.parseInt(flags, 16) & 1) === 1;
    if (!isUp || destination !== '00000000' || mask !== '00000000') continue;
    if (found === undefined || Number(metric) < found.metric) found = { name, metric: Number(metric) };
  }
  return found?.name;
}

type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

/** The first IPv4 address of that interface. Undefined: no default route, or no address there. */
export function addressOfRoute(routes: string, interfaces: Interfaces): string | undefined {
  const name = defaultInterface(routes);
  const addresses = name === undefined ? [] : (interfaces[name] ?? []);
  return addresses.find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
}

/** The first IPv6 address of that interface which other links reach, too. */
export function address6OfRoute(routes: string, interfaces: Interfaces): string | undefined {
  const name = defaultInterface(routes);
  const addresses = name === undefined ? [] : (interfaces[name] ?? []);
  return addresses.find(({ address, family }) => family === 'IPv6' && !/^fe[89ab]/.test(address))?.address;
}

export async function defaultAddress6(): Promise<string | undefined> {
  const routes = await readFile('/proc/net/route', 'utf8').catch(() => '');
  return address6OfRoute(routes, networkInterfaces());
}

export async function defaultAddress(): Promise<string | undefined> {
  const routes = await readFile('/proc/net/route', 'utf8').catch(() => '');
  return addressOfRoute(routes, networkInterfaces());
}
