import { describe, expect, it } from '@jest/globals';
import { parseIpRange, podRouteProtocol, type IpRange } from '@timonel/sdk/contracts/network';
import { overlappingRoute, type Route } from './host-routes.ts';

const range = parseIpRange('10.244.1.0/24') as IpRange;
const route = (dst: string, dev = 'eth0', protocol = 'kernel'): Route => ({ dst, dev, protocol });

describe('overlappingRoute', () => {
  it.each([[route('10.244.0.0/16')], [route('10.244.1.128/25', 'eth0', 'static')], [route('10.244.1.7', 'eth0', '')]])(
    'finds %j',
    (other) => {
      expect(overlappingRoute([route('default'), other], range, 'tml0')).toBe(other);
    },
  );

  it('does not mind the default route, its own bridge, others, and a route to pods from when another node had the range', () => {
    const routes = [
      route('default'),
      route('10.244.1.0/24', 'tml0'),
      route('10.244.2.0/24'),
      route('10.244.1.0/24', 'eth0', String(podRouteProtocol)),
    ];
    expect(overlappingRoute(routes, range, 'tml0')).toBeUndefined();
  });

  it('knows ranges of IPv6', () => {
    const other = route('fd00:10::/48');
    expect(overlappingRoute([other], parseIpRange('fd00:10:0:1::/64') as IpRange, 'tml0')).toBe(other);
    expect(overlappingRoute([other], parseIpRange('fd00:11::/64') as IpRange, 'tml0')).toBeUndefined();
  });
});
