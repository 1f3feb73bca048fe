/** Addresses of the cluster that this machine has a way to already. */
import {
  familyRangeTexts,
  ipRangesOverlap,
  parseFamilyRanges,
  parseIpRange,
  podRouteProtocol,
} from '@timonel/sdk/contracts/network';
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

/** `cidr`: of one family, or of each with a comma between. */
function clashOf(what: string, option: string, cidr: string, routes: readonly Route[]): Finding {
  const texts = familyRangeTexts(parseFamilyRanges(cidr) ?? { ipv4: undefined, ipv6: undefined });
  const ranges = texts.flatMap((text) => parseIpRange(text) ?? []);
  const name = `addresses of ${what}`;
  const other = routes.find(({ dst = '', dev = '', protocol }) => {
    if (dst === 'default' || ownLink.test(dev) || protocol === String(podRouteProtocol)) return false;
    const one = parseIpRange(dst);
    return one !== undefined && ranges.some((range) => ipRangesOverlap(one, range));
  });
  if (other === undefined) return { name, ok: true, detail: `no route of this machine leads to ${cidr}`, fix: '' };
  const detail = `the route ${other.dst} dev ${other.dev} of this machine overlaps ${cidr}`;
  return { name, ok: false, detail, fix: `choose another range: ${option}` };
}

export async function overlaps(view: NetworkView, { pods, services }: Ranges): Promise<readonly Finding[]> {
  const texts = await Promise.all(['-4', '-6'].map((family) => view.output('ip', '-j', family, 'route', 'show')));
  if (texts.every((text) => text === undefined)) return [];
  const routes = texts.flatMap((text = '[]') => routesIn(text));
  return [
    clashOf('pods', '--pod-cidr (up) or --cluster-cidr (server)', pods, routes),
    clashOf('services', '--service-cidr', services, routes),
  ];
}
