import { ipv4RangesOverlap, parseIpv4Range, podRouteProtocol, type Ipv4Range } from '@timonel/sdk/contracts/network';
import { mustRun } from './command.ts';

export interface Route {
  readonly dst: string;
  readonly dev: string;
  /** Name or number of the routing protocol. */
  readonly protocol: string;
}

/** The IPv4 routes of this machine. */
export async function readRoutes(): Promise<readonly Route[]> {
  const rows = JSON.parse((await mustRun('ip', ['-j', '-4', 'route', 'show'])) || '[]') as readonly Partial<Route>[];
  return rows.map(({ dst, dev, protocol }) => ({ dst: dst ?? '', dev: dev ?? '', protocol: protocol ?? '' }));
}

/**
 * A route into the range that is not over `ownBridge`. The default route is none: it is what is left over. Nor is a route to the
 * pods of another node: one that had this range earlier may still have its route.
 */
export function overlappingRoute(routes: readonly Route[], range: Ipv4Range, ownBridge: string): Route | undefined {
  return routes.find(({ dst, dev, protocol }) => {
    const isOurs = dev === ownBridge || protocol === String(podRouteProtocol);
    const other = dst === 'default' || isOurs ? undefined : parseIpv4Range(dst);
    return other !== undefined && ipv4RangesOverlap(other, range);
  });
}
