/** What a server is to be: from flags, the configuration file, and what it was at its last start. */
import { randomUUID } from 'node:crypto';
import { isIP } from 'node:net';
import { adminTokenFile } from '@timonel/plugin-auth-token';
import { CliError, exitCodes } from '../errors.ts';
import { checkFamilyRanges, clusterRange, hasIpv6Alone } from '../profiles/family-ranges.ts';
import type { ClusterSettings } from '../profiles/profile.ts';
import { defaultName, formatPlace, isEveryAddress, ownAddress, parsePlace, type Place } from './addresses.ts';
import { pkiDirectory, type ServerState } from './cluster-state.ts';
import type { ConfigFile } from './config-file.ts';
import { dataDirPaths, instanceId } from './data-dir.ts';

/** The flags that say what the server is. */
export interface ServerPlanFlags {
  readonly name?: string;
  readonly listen?: string;
  readonly advertise?: string;
  readonly advertiseAddress?: string;
  readonly peerListen?: string;
  readonly clusterCidr?: string;
  readonly serviceCidr?: string;
}

export const listenDefault: Place = { address: '0.0.0.0', port: 6443 };
export const peerPortDefault = 2380;

function advertisedHost(flags: ServerPlanFlags, listen: Place, before: ServerState | undefined): string {
  const given = flags.advertise ?? before?.advertise;
  const host = given ?? (isEveryAddress(listen.address) ? ownAddress() : listen.address);
  if (host !== undefined && /^[a-zA-Z0-9.:-]{1,253}$/.test(host) && (!host.includes(':') || isIP(host) === 6)) {
    return host;
  }
  throw new CliError(
    host === undefined
      ? 'This machine has no address but loopback: say by --advertise ADDRESS how the other machines reach it.'
      : `--advertise ${host} is not an IP address or a host name.`,
    exitCodes.usage,
  );
}

function givenAddress(flags: ServerPlanFlags, before: ServerState | undefined): Pick<ServerState, 'advertiseAddress'> {
  const address = flags.advertiseAddress ?? before?.advertiseAddress;
  if (address === undefined) return {};
  if (isIP(address) !== 0 && !isEveryAddress(address)) return { advertiseAddress: address };
  throw new CliError(`--advertise-address ${address} is not the IP address of a machine.`, exitCodes.usage);
}

/** Where pods have IPv6 addresses alone, one of these must be where the API is. @throws CliError usage */
function checkEndpoint({ advertise, advertiseAddress }: ServerState, listen: Place): void {
  if (listen.address === '0.0.0.0') {
    throw new CliError(
      `--listen 0.0.0.0:${listen.port} has no IPv6, and pods have nothing else: let it be [::]:${listen.port}.`,
      exitCodes.usage,
    );
  }
  if ([advertiseAddress, advertise, listen.address].some((each) => each !== undefined && isReachedOver6(each))) return;
  throw new CliError(
    'Pods have IPv6 addresses alone: say by --advertise-address ADDRESS under which IPv6 address they reach this machine.',
    exitCodes.usage,
  );
}

function isReachedOver6(address: string): boolean {
  return isIP(address) === 6 && !isEveryAddress(address);
}

/** The IP address to which the service `kubernetes` leads. Undefined: none is known. */
function endpointAddress(state: ServerState, listen: Place): string | undefined {
  const { advertise, advertiseAddress, serviceCidr } = state;
  if (hasIpv6Alone(serviceCidr)) {
    return [advertiseAddress, advertise, listen.address].find((each) => each !== undefined && isReachedOver6(each));
  }
  if (advertiseAddress !== undefined) return advertiseAddress;
  if (isIP(advertise) !== 0) return advertise;
  return isEveryAddress(listen.address) ? ownAddress() : listen.address;
}

function fixedPort(option: string, place: Place): Place {
  if (place.port !== 0) return place;
  throw new CliError(`${option} needs a port that stays the same: the other machines remember it.`, exitCodes.usage);
}

/** What this server is to be, from the flags, the file, and what it was before. @throws CliError usage */
export function planServer(flags: ServerPlanFlags, file: ConfigFile, before: ServerState | undefined): ServerState {
  const ranges = {
    clusterCidr: flags.clusterCidr ?? before?.clusterCidr ?? '10.244.0.0/16',
    serviceCidr: flags.serviceCidr ?? file.serviceCidr ?? before?.serviceCidr ?? '10.96.0.0/16',
  };
  checkFamilyRanges(ranges.clusterCidr, ranges.serviceCidr, clusterRange);
  const everywhere = hasIpv6Alone(ranges.serviceCidr) ? { ...listenDefault, address: '::' } : listenDefault;
  const listenText = flags.listen ?? file.listen ?? before?.listen ?? formatPlace(everywhere);
  const listen = fixedPort('--listen', parsePlace('--listen', listenText, listenDefault));
  const advertise = advertisedHost(flags, listen, before);
  const peerDefault = { address: isIP(advertise) === 0 ? '0.0.0.0' : advertise, port: peerPortDefault };
  const peerText = flags.peerListen ?? before?.peerListen ?? formatPlace(peerDefault);
  const peer = fixedPort('--peer-listen', parsePlace('--peer-listen', peerText, peerDefault));
  const peerUrl = formatPlace({ address: advertise, port: peer.port });
  const name = flags.name ?? before?.name ?? defaultName();
  if (!/^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/.test(name)) {
    throw new CliError(
      `--name ${name} is not a name of at most 63 lower-case letters, digits, "-" and ".".`,
      exitCodes.usage,
    );
  }
  if (before !== undefined && before.phase !== 'joining') refuseChanges(before, { ...ranges, name, peerUrl });
  const plan: ServerState = {
    version: 1,
    role: 'server',
    phase: before?.phase ?? 'formed',
    name,
    memberId: before?.memberId ?? randomUUID(),
    advertise,
    ...givenAddress(flags, before),
    listen: formatPlace(listen),
    peerListen: formatPlace(peer),
    peerUrl,
    ...ranges,
  };
  if (hasIpv6Alone(ranges.serviceCidr)) checkEndpoint(plan, listen);
  return plan;
}

/** What the cluster knows of a server cannot be changed from one side. */
function refuseChanges(
  before: ServerState,
  now: Pick<ServerState, 'name' | 'peerUrl' | 'clusterCidr' | 'serviceCidr'>,
): void {
  const names = {
    name: '--name',
    peerUrl: 'the peer address (--advertise, --peer-listen)',
    clusterCidr: '--cluster-cidr',
    serviceCidr: '--service-cidr',
  } as const;
  for (const key of Object.keys(names) as (keyof typeof names)[]) {
    if (before[key] === now[key]) continue;
    throw new CliError(
      `This server was started with ${before[key]} for ${names[key]}, and the cluster relies on it: leave it as it was.`,
      exitCodes.usage,
    );
  }
}

/** What the profile `server` is made from. */
export function serverSettings(state: ServerState, dataDir: string): ClusterSettings {
  const listen = parsePlace('--listen', state.listen, listenDefault);
  const peerListen = parsePlace('--peer-listen', state.peerListen, listenDefault);
  const address = endpointAddress(state, listen);
  return {
    instance: instanceId(dataDir),
    nodeName: state.name,
    address: listen.address,
    port: listen.port,
    podCidr: state.clusterCidr,
    clusterCidr: state.clusterCidr,
    serviceCidr: state.serviceCidr,
    onShutdown: 'keep',
    hasNftables: false,
    server: {
      name: state.name,
      memberId: state.memberId,
      url: `https://${formatPlace({ address: state.advertise, port: listen.port })}`,
      ...(address === undefined ? {} : { endpoint: `https://${formatPlace({ address, port: listen.port })}` }),
      apiNames: [...new Set([state.advertise, state.name, ...(address === undefined ? [] : [address])])],
      peerNames: peerNamesOf(state),
      peer: { listen: peerListen, advertise: state.peerUrl },
      join: state.phase === 'joined',
      pkiDirectory: pkiDirectory(dataDir),
      adminTokenFile: adminTokenFile(dataDirPaths(dataDir).pluginData('auth-token')),
    },
  };
}

/** Names for the peer certificate. */
export function peerNamesOf(state: ServerState): string[] {
  return [...new Set([state.advertise, state.name])];
}
