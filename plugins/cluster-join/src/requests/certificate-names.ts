/**
 * What may stand in the certificate of a node. It is good for servers, too: with a name or address of an API server in it, its holder
 * could answer in place of that. Pure.
 */
import { isIP } from 'node:net';
import { formatIp, ipRangesOverlap, parseIp, parseIpRange, type IpRange } from '@timonel/sdk/contracts/network';

export interface ServerPlaces {
  readonly name: string;
  /** Names and addresses under which it is reached. */
  readonly places: readonly string[];
}

export interface AskedNames {
  /** The node's name first, then its addresses. */
  readonly names: readonly string[];
  /** Where the request comes from. */
  readonly caller: string;
  /** One range, or one of each family with a comma between. */
  readonly serviceCidr: string;
  readonly servers: readonly ServerPlaces[];
}

const rangesOf = (...texts: string[]): IpRange[] => texts.flatMap((text) => parseIpRange(text.trim()) ?? []);
const mapped = rangesOf('::ffff:0:0/96');
const loopback = rangesOf('127.0.0.0/8', '::1/128');
/** Of no machine, or of many. */
const nobodys = rangesOf('0.0.0.0/8', '224.0.0.0/4', '255.255.255.255/32', '::/128', 'ff00::/8');

/** One text for an address however it is written; names in small letters. */
function plain(text: string): string {
  const ip = parseIp(text);
  if (ip === undefined) return text.toLowerCase();
  return formatIp(isIn(text, mapped) ? { family: 4, value: ip.value & 0xffff_ffffn } : ip);
}

function isIn(address: string, ranges: readonly IpRange[]): boolean {
  const own = parseIpRange(address);
  return own !== undefined && ranges.some((range) => ipRangesOverlap(own, range));
}

/** Names that lead to the API, or to services, in every cluster. */
function isOfCluster(name: string): boolean {
  const endings = ['.localhost', '.svc', '.svc.cluster.local'];
  return (
    ['kubernetes', 'localhost'].includes(name) ||
    name.startsWith('kubernetes.') ||
    endings.some((ending) => name.endsWith(ending))
  );
}

/** Of what belongs to no node at all. */
function generalProblem(name: string, serviceCidr: string): string | undefined {
  if (isIP(name) === 0) {
    return isOfCluster(name)
      ? `the name "${name}" is one of the cluster's own: choose another by --node-name`
      : undefined;
  }
  if (parseIp(name) === undefined || isIn(name, nobodys))
    return `${name} is not the address of one machine: give the node's own by --node-address`;
  return isIn(name, rangesOf(...serviceCidr.split(',')))
    ? `${name} is an address of services (${serviceCidr}): give the node's own by --node-address`
    : undefined;
}

function ownedProblem(name: string, caller: string, server: string): string {
  const option = isIP(name) === 0 ? '--node-name' : '--node-address';
  return (
    `${name} belongs to the server "${server}", and this request comes from another machine (${caller}): choose another ${option}, or, ` +
    `on the machine of that server, join by its own address; if it is gone for good, \`kubectl -n kube-system delete lease timonel-server-${server}\` frees what it had`
  );
}

/** Why a node must not have these names; undefined: it may. What is a server's a node of the same machine may have, too. */
export function namesProblem({ names, caller: from, serviceCidr, servers }: AskedNames): string | undefined {
  const caller = plain(from);
  const known = servers.map(({ name, places }) => ({ name, places: new Set([name, ...places].map(plain)) }));
  const here = known.filter(({ places }) => places.has(caller));
  for (const name of names.map(plain)) {
    const problem = generalProblem(name, serviceCidr);
    if (problem !== undefined) return problem;
    const isOwnLoopback = isIn(caller, loopback) || here.some(({ places }) => places.has(name));
    if (isIn(name, loopback) && !isOwnLoopback)
      return `${name} is an address of each machine itself: give one by --node-address under which the servers reach the node`;
    // All that have it must be there: a Lease that somebody made up frees nothing.
    const owner = known.find((server) => server.places.has(name) && !here.includes(server));
    if (owner !== undefined) return ownedProblem(name, caller, owner.name);
  }
  return undefined;
}
