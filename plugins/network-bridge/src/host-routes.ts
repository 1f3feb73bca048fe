import {
  ipRangesOverlap,
  parseIpRange,
  podRouteProtocol,
  type IpFamily,
  type IpRange,
} from '@timonel/sdk/contracts/network';
import { mustRun } from './command.ts';

export interface Route {
  readonly dst: string;
  readonly dev: string;
  /** Name or number of the routing protocol. */
  readonly protocol: string;
}

/** The routes of this machine in one family. */
export async function readRoutes(family: IpFamily): Promise<readonly Route[]> {
  const text = await mustRun('ip', ['-j', `-${family}`, 'route', 'show']);
  const rows = JSON.parse(text || '[]') as readonly Partial<Route>[];
  return rows.map(({ dst, dev, protocol }) => ({ dst: dst ?? '', dev: dev ?? '', protocol: protocol ?? '' }));
}

/**
 * A route into the range that is not over `ownBridge`. The default route is none: it is what is left over. Nor is a route to the
 * pods of another node: one that had this range earlier may still have its route.
 */
export function overlappingRoute(routes: readonly Route[], range: IpRange, ownBridge: string): Route | undefined {
  return routes.find(({ dst, dev, protocol }) => {
    const isOurs = dev === ownBridge || protocol === String(podRouteProtocol);
    const other = dst === 'default' || isOurs ? undefined : parseIpRange(dst);
    return other !== undefined && ipRangesOverlap(other, range);
  });
}
