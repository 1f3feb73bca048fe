import { ipv4RangesOverlap, parseIpv4Range, type Ipv4Range } from '@timonel/sdk/contracts/network';
import { mustRun } from './command.ts';

export interface Route {
  readonly dst: string;
  readonly dev: string;
}

/** The IPv4 routes of this machine. */
export async function readRoutes(): Promise<readonly Route[]> {
  const rows = JSON.parse((await mustRun('ip', ['-j', '-4', 'route', 'show'])) || '[]') as readonly Partial<Route>[];
  return rows.map(({ dst, dev }) => ({ dst: dst ?? '', dev: dev ?? '' }));
}

/** A route into the range that is not over `ownBridge`. The default route is none: it is what is left over. */
export function overlappingRoute(routes: readonly Route[], range: Ipv4Range, ownBridge: string): Route | undefined {
  return routes.find(({ dst, dev }) => {
    const other = dst === 'default' || dev === ownBridge ? undefined : parseIpv4Range(dst);
    return other !== undefined && ipv4RangesOverlap(other, range);
  });
}
