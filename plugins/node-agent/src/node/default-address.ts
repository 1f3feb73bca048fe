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

/** The same of IPv6, from the text of /proc/net/ipv6_route. */
export function defaultInterface6(routes: string): string | undefined {
  let found: { name: string; metric: number } | undefined;
  for (const line of routes.split('\n')) {
    const [destination = '', length, , , , metric = '', , , flags = '0', name = ''] = line.trim().split(/\s+/);
    const isUp = (Number.parseInt(flags, 16) & 1) === 1;
    // Where there is none, the kernel has one over `lo` that refuses.
    if (!isUp || name === 'lo' || !/^0{32}$/.test(destination) || length !== '00') continue;
    const number = Number.parseInt(metric, 16);
    if (found === undefined || number < found.metric) found = { name, metric: number };
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

/**
 * The first IPv6 address, which other links reach, too, of that interface; of that with the default route of IPv6, without one of IPv4. One that
 * another interface has as well is that of a load balancer, and moves.
 */
export function address6OfRoute(routes: string, interfaces: Interfaces, routes6 = ''): string | undefined {
  const name = defaultInterface(routes) ?? defaultInterface6(routes6);
  const addresses = name === undefined ? [] : (interfaces[name] ?? []);
  const elsewhere = new Set(
    Object.entries(interfaces).flatMap(([other, list = []]) =>
      other === name ? [] : list.map((each) => each.address),
    ),
  );
  const isOwn = ({ address, family }: NetworkInterfaceInfo): boolean =>
    family === 'IPv6' && !/^fe[89ab]/.test(address) && !elsewhere.has(address);
  return addresses.find(isOwn)?.address;
}

export async function defaultAddress6(): Promise<string | undefined> {
  const routes = await readFile('/proc/net/route', 'utf8').catch(() => '');
  const routes6 = await readFile('/proc/net/ipv6_route', 'utf8').catch(() => '');
  return address6OfRoute(routes, networkInterfaces(), routes6);
}

export async function defaultAddress(): Promise<string | undefined> {
  const routes = await readFile('/proc/net/route', 'utf8').catch(() => '');
  return addressOfRoute(routes, networkInterfaces());
}
