/** Addresses as they are typed, and those of this machine. */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';
import { formatIp, parseIpRange } from '@timonel/sdk/contracts/network';
import { CliError, exitCodes } from '../errors.ts';

export interface Place {
  /** Without brackets. */
  readonly address: string;
  readonly port: number;
}

/** `[ADDRESS:]PORT`; an IPv6 address in brackets. @throws CliError usage, which names the option. */
export function parsePlace(option: string, text: string, otherwise: Place): Place {
  const match = /^(?:(\[[0-9a-fA-F:]+\]|[^:]*):)?(\d+)$/.exec(text);
  const port = Number(match?.[2]);
  if (match === null || port > 65_535) {
    throw new CliError(
      `${option} ${text} is not ADDRESS:PORT, for example ${formatPlace(otherwise)}.`,
      exitCodes.usage,
    );
  }
  const address = (match[1] ?? '').replace(/^\[|\]$/g, '');
  return { address: address === '' ? otherwise.address : address, port };
}

/** With brackets around an IPv6 address. */
export function formatPlace({ address, port }: Place): string {
  return `${isIP(address) === 6 ? `[${address}]` : address}:${port}`;
}

/** True when the address stands for every address of the machine. */
export function isEveryAddress(address: string): boolean {
  return address === '0.0.0.0' || address === '::';
}

/** The interface of the default route with the lowest metric, from the text of /proc/net/route. */
export function defaultInterface(routes: string): string | undefined {
  const candidates = routes
    .split('\n')
    .slice(1)
    .map((line) => line.split('\t'))
    .filter(([, destination, , , , , , mask]) => destination === '00000000' && mask === '00000000')
    .sort((a, b) => Number(a[6]) - Number(b[6]));
  return candidates[0]?.[0];
}

/** The address of the interface with the default route, else the first that is not loopback; undefined without one. */
export function ownAddress(): string | undefined {
  let routes = '';
  try {
    routes = readFileSync('/proc/net/route', 'utf8');
  } catch {
    // Another system, or a locked-down one: any address will do.
  }
  const interfaces = networkInterfaces();
  const preferred = interfaces[defaultInterface(routes) ?? ''] ?? [];
  const all = [...preferred, ...Object.values(interfaces).flatMap((list) => list ?? [])];
  return all.find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
}

/** Those of the service `kubernetes` in the ranges of services, and of the node in those of its pods: one of each family. */
export function firstAddresses(cidrs: string): readonly string[] {
  return cidrs.split(',').flatMap((cidr) => {
    const range = parseIpRange(cidr.trim());
    return range === undefined ? [] : [formatIp({ family: range.family, value: range.first + 1n })];
  });
}

/** The host name as the name of a node or a server. */
export function defaultName(): string {
  const name = hostname()
    .toLowerCase()
    .replace(/[^a-z0-9.-]/g, '-')
    .replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, '')
    .slice(0, 63);
  return name === '' ? 'node' : name;
}
