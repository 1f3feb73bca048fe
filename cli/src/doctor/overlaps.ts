/** Addresses of the cluster that this machine has a way to already. */
import { ipv4RangesOverlap, parseIpv4Range, podRouteProtocol } from '@timonel/sdk/contracts/network';
import type { Finding, Ranges } from './finding.ts';
import type { NetworkView } from './network-view.ts';

interface Route {
  readonly dst?: string;
  readonly dev?: string;
  readonly protocol?: string;
}

/** Links of nodes: of pods, of tunnels between nodes, and the idle one that carries the route to services. */
const ownLink = /^(tml[0-9a-f]{6}|t[a-z][0-9a-f]{8})$/;

function routesIn(text: string): readonly Route[] {
  try {
    return JSON.parse(text) as readonly Route[];
  } catch {
    return [];
  }
}

function clashOf(what: string, option: string, cidr: string, routes: readonly Route[]): Finding {
  const range = parseIpv4Range(cidr);
  const name = `addresses of ${what}`;
  const other = routes.find(({ dst = '', dev = '', protocol }) => {
    if (dst === 'default' || ownLink.test(dev) || protocol === String(podRouteProtocol)) return false;
    const one = parseIpv4Range(dst.includes('/') ? dst : `${dst}/32`);
    return range !== undefined && one !== undefined && ipv4RangesOverlap(one, range);
  });
  if (other === undefined) return { name, ok: true, detail: `no route of this machine leads to ${cidr}`, fix: '' };
  const detail = `the route ${other.dst} dev ${other.dev} of this machine overlaps ${cidr}`;
  return { name, ok: false, detail, fix: `choose another range: ${option}` };
}

export async function overlaps(view: NetworkView, { pods, services }: Ranges): Promise<readonly Finding[]> {
  const text = await view.output('ip', '-j', '-4', 'route', 'show');
  if (text === undefined) return [];
  const routes = routesIn(text);
  return [
    clashOf('pods', '--pod-cidr (up) or --cluster-cidr (server)', pods, routes),
    clashOf('services', '--service-cidr', services, routes),
  ];
}
