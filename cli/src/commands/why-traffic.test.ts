import { describe, expect, it } from '@jest/globals';
import type { Traffic } from '@timonel/sdk/contracts/why';
import { trafficText } from '../output/traffic-text.ts';
import { endOf, trafficPath } from './why-traffic.ts';

describe('the ends of a connection', () => {
  it('are pods, services and addresses, with a port or without', () => {
    expect(endOf('pod/a:80')).toEqual({ path: 'pods/a', port: '80' });
    expect(endOf('svc/web:http')).toEqual({ path: 'services/web', port: 'http' });
    expect(endOf('Pod/a')).toEqual({ path: 'pods/a', port: undefined });
    expect(endOf('192.0.2.1:443')).toEqual({ path: 'addresses/192.0.2.1', port: '443' });
    expect(endOf('192.0.2.1')).toEqual({ path: 'addresses/192.0.2.1', port: undefined });
    expect(endOf('2001:db8::1')).toEqual({ path: 'addresses/2001:db8::1', port: undefined });
    expect(endOf('[2001:db8::1]:80')).toEqual({ path: 'addresses/2001:db8::1', port: '80' });
    for (const bad of ['', 'pod', 'pod/', 'deployment/web', 'a/b/c:1', 'pod/a:80:81', ':80'])
      expect(() => endOf(bad)).toThrow('is no end of a connection');
  });

  it('make the path to ask', () => {
    const flags = { namespace: 'shop', to: 'service/db:5432', toNamespace: 'data', protocol: 'TCP' };
    expect(trafficPath('pod/web-0', flags)).toBe(
      '/apis/why.timonel.dev/v1/namespaces/shop/pods/web-0/traffic?to=services%2Fdb&protocol=TCP&toNamespace=data&port=5432',
    );
    expect(() => trafficPath('pod/web-0:80', flags)).toThrow('A port belongs to the end after --to');
  });
});

describe('the text of an answer', () => {
  const traffic: Traffic = {
    from: { kind: 'pod', namespace: 'default', name: 'a', addresses: ['10.0.0.1'], node: 'n1' },
    to: { kind: 'service', namespace: 'default', name: 'web', addresses: ['10.96.0.9'] },
    protocol: 'TCP',
    port: 80,
    service: { namespace: 'default', name: 'web', type: 'ClusterIP', port: 'http 80 -> 8080' },
    outcome: 'dropped',
    summary: 'pod default/b may not receive it: none of default/deny allows it',
    paths: [
      {
        address: '10.0.1.2',
        port: 8080,
        pod: 'default/b',
        node: 'n2',
        state: 'ready',
        used: true,
        route: 'from node n1 to node n2',
        outcome: 'dropped',
        rules: [
          { direction: 'egress', pod: 'default/a', node: 'n1', allowed: true, policies: [] },
          { direction: 'ingress', pod: 'default/b', node: 'n2', allowed: false, policies: ['default/deny'] },
        ],
        notes: ['node n2 is not Ready'],
      },
    ],
    nodes: [
      {
        node: 'n1',
        ready: true,
        proxy: { implementation: 'nftables', lastSyncAt: 7000, current: true },
        policies: { implementation: 'nftables', lastSyncAt: 1, lastError: 'nft failed' },
      },
      { node: 'n2', ready: false, problem: 'it gave no answer within 2 s' },
    ],
    cut: 3,
  };

  it('says who decides, and what the nodes have in force', () => {
    expect(trafficText(traffic, 10_000).split('\n')).toEqual([
      'pod default/a (10.0.0.1 on n1) -> service default/web (10.96.0.9), TCP 80',
      '',
      'It is DROPPED, without an answer: pod default/b may not receive it: none of default/deny allows it.',
      '',
      'Service default/web (ClusterIP), port http 80 -> 8080',
      '',
      '- 10.0.1.2:8080, pod default/b: ready, DROPPED',
      '    route: from node n1 to node n2',
      '    egress of default/a on n1: no policy selects it, everything is allowed',
      '    ingress of default/b on n2: DROPPED, none of default/deny allows it',
      '    note: node n2 is not Ready',
      '',
      '3 more endpoints are not shown.',
      '',
      'Nodes:',
      'NODE   READY   SERVICES                                    POLICIES',
      'n1     yes     nftables: up to date, last change 3 s ago   nftables: NOT UP TO DATE (nft failed)',
      'n2     NO      not known: it gave no answer within 2 s     -',
    ]);
  });
});
