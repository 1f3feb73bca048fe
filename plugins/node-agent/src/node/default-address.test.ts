import { describe, expect, it } from '@jest/globals';
import type { NetworkInterfaceInfo } from 'node:os';
import { address6OfRoute, addressOfRoute } from './default-address.ts';

const head = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n';
const route = (name: string, destination: string, flags: string, metric: number, mask = '00000000'): string =>
  `${name}\t${destination}\t010011AC\t${flags}\t0\t0\t${metric}\t${mask}\t0\t0\t0\n`;

const address = (text: string, family: 'IPv4' | 'IPv6' = 'IPv4'): NetworkInterfaceInfo =>
  ({ address: text, family, internal: false }) as NetworkInterfaceInfo;

const interfaces = {
  eth0: [address('fe80::1', 'IPv6'), address('2001:db8::7', 'IPv6'), address('192.0.2.7'), address('192.0.2.8')],
  wlan0: [address('198.51.100.3')],
  tun0: undefined,
};

describe('the address of the machine', () => {
  it('is the first IPv4 address of the default route with the lowest metric', () => {
    const routes = route('wlan0', '00000000', '0003', 600) + route('eth0', '00000000', '0003', 100);
    expect(addressOfRoute(head + routes, interfaces)).toBe('192.0.2.7');
  });

  it.each([
    ['there is no route', ''],
    ['no route is the default one', route('eth0', '000011AC', '0001', 0, '00FFFFFF')],
    ['half of all addresses is routed', route('eth0', '00000000', '0001', 0, '00000080')],
    ['the default route is down', route('eth0', '00000000', '0002', 0)],
    ['its interface has no address', route('tun0', '00000000', '0003', 0)],
  ])('is unknown when %s', (_what, routes) => expect(addressOfRoute(head + routes, interfaces)).toBeUndefined());

  it('of IPv6 is one that other links reach', () => {
    const routes = head + route('eth0', '00000000', '0003', 100);
    expect(address6OfRoute(routes, interfaces)).toBe('2001:db8::7');
    const none = '0'.repeat(32);
    const route6 = (name: string, metric: string): string =>
      `${none} 00 ${none} 00 fd990000000000000000000000000002 ${metric} 00000001 00000000 00000003 ${name.padStart(8)}\n`;
    const both = route6('wlan0', '00000400') + route6('eth0', '00000064') + route6('lo', '00000000');
    expect(address6OfRoute(head, interfaces, both)).toBe('2001:db8::7');
    expect(address6OfRoute(head, interfaces, route6('lo', 'ffffffff'))).toBeUndefined();
    const balancer = address('2001:db8::1', 'IPv6');
    const balanced = { eth0: [balancer, ...interfaces.eth0], tl0: [balancer] };
    expect(address6OfRoute(routes, balanced)).toBe('2001:db8::7');
    expect(address6OfRoute(routes, { eth0: [address('fe80::1', 'IPv6'), address('192.0.2.7')] })).toBeUndefined();
  });
});
