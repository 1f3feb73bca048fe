import { describe, expect, it } from '@jest/globals';
import type { DnsRecord } from '../wire/response.ts';
import { serviceOf, sliceOf } from '../testing/objects.ts';
import { ClusterNames } from './cluster-names.ts';
import { Zone } from './zone.ts';

const names = new ClusterNames();
names.addNamespace('default');
names.addNamespace('prod');
const http = [{ name: 'http', port: 80 }] as const;
names.set(
  'default/web',
  serviceOf('default/web', {
    clusterIP: '10.96.0.7',
    clusterIPs: ['10.96.0.7', 'fd00::7'],
    ports: [...http, { port: 9 }],
  }),
  [],
);
names.set('default/db', serviceOf('default/db', { clusterIP: 'None', ports: [{ name: 'pg', port: 5432 }] }), [
  sliceOf(
    'default/db',
    [{ name: 'pg', port: 5432, protocol: 'TCP' }],
    { address: '10.244.0.5', hostname: 'db-0' },
    { address: '10.244.1.6' },
    { address: '10.244.1.7', ready: false },
  ),
  sliceOf('default/db', [{ name: 'pg', port: 5432, protocol: 'TCP' }], { address: 'fd00:1:0:0::5', hostname: 'db-0' }),
]);
names.set('default/empty', serviceOf('default/empty', { clusterIP: 'None' }), []);
names.set('prod/out', serviceOf('prod/out', { type: 'ExternalName', externalName: 'Example.COM.' }), []);
const zone = new Zone(names, { domain: 'cluster.local', ttlSeconds: 5 });

function shown(record: DnsRecord): string {
  switch (record.type) {
    case 'SRV':
      return `SRV ${record.weight} ${record.port} ${record.target}`;
    case 'SOA':
      return `SOA ${record.name} ${record.minimum}`;
    default:
      return `${record.type} ${record.data}`;
  }
}

function ask(name: string, type: string): string {
  const { rcode, answers, authorities = [] } = zone.answer(name, type);
  return [['ok', '', '', 'absent'][rcode], ...answers.map(shown), ...authorities.map(shown)].join(' | ');
}

const none = 'ok | SOA cluster.local 5';
const absent = 'absent | SOA cluster.local 5';

describe('names of the cluster', () => {
  it.each([
    ['web.default.svc.cluster.local', 'A', 'ok | A 10.96.0.7'],
    ['web.default.svc.cluster.local', 'AAAA', 'ok | AAAA fd00::7'],
    ['web.default.svc.cluster.local', 'TXT', none],
    ['web.prod.svc.cluster.local', 'A', absent],
    ['pod.web.default.svc.cluster.local', 'A', absent],
    ['_http._tcp.web.default.svc.cluster.local', 'SRV', 'ok | SRV 100 80 web.default.svc.cluster.local'],
    ['_http._tcp.web.default.svc.cluster.local', 'A', none],
    ['_http._udp.web.default.svc.cluster.local', 'SRV', absent],
    ['_tcp.web.default.svc.cluster.local', 'SRV', none],
    ['_udp.web.default.svc.cluster.local', 'SRV', absent],
    ['x._http._tcp.web.default.svc.cluster.local', 'SRV', absent],
    ['db.default.svc.cluster.local', 'A', 'ok | A 10.244.0.5 | A 10.244.1.6'],
    ['db.default.svc.cluster.local', 'AAAA', 'ok | AAAA fd00:1:0:0::5'],
    ['db-0.db.default.svc.cluster.local', 'A', 'ok | A 10.244.0.5'],
    ['db-0.db.default.svc.cluster.local', 'AAAA', 'ok | AAAA fd00:1:0:0::5'],
    ['10-244-1-6.db.default.svc.cluster.local', 'A', 'ok | A 10.244.1.6'],
    ['10-244-1-7.db.default.svc.cluster.local', 'A', absent],
    [
      '_pg._tcp.db.default.svc.cluster.local',
      'SRV',
      'ok | SRV 50 5432 db-0.db.default.svc.cluster.local | SRV 50 5432 10-244-1-6.db.default.svc.cluster.local',
    ],
    ['empty.default.svc.cluster.local', 'A', none],
    ['out.prod.svc.cluster.local', 'CNAME', 'ok | CNAME example.com'],
    ['out.prod.svc.cluster.local', 'A', 'ok | CNAME example.com'],
    ['10-244-9-9.default.pod.cluster.local', 'A', 'ok | A 10.244.9.9'],
    ['10-244-9-999.default.pod.cluster.local', 'A', absent],
    ['10-244-9-9.nowhere.pod.cluster.local', 'A', absent],
    ['default.svc.cluster.local', 'A', none],
    ['nowhere.svc.cluster.local', 'A', absent],
    ['svc.cluster.local', 'A', none],
    ['pod.cluster.local', 'A', none],
    ['cluster.local', 'SOA', 'ok | SOA cluster.local 5'],
    ['cluster.local', 'NS', 'ok | NS ns.dns.cluster.local'],
    ['dns-version.cluster.local', 'TXT', 'ok | TXT 1.1.0'],
    ['other.cluster.local', 'A', absent],
    ['example.com.default.svc.cluster.local', 'A', absent],
  ])('%s %s', (name, type, expected) => {
    expect(ask(name, type)).toBe(expected);
  });

  it('an alias is to be followed, but not when it was asked for itself', () => {
    expect(zone.answer('out.prod.svc.cluster.local', 'A').alias).toBe('example.com');
    expect(zone.answer('out.prod.svc.cluster.local', 'CNAME').alias).toBeUndefined();
  });

  it('addresses of targets come with SRV records', () => {
    const { additionals = [] } = zone.answer('_pg._tcp.db.default.svc.cluster.local', 'SRV');
    expect(additionals.map(shown)).toEqual(['A 10.244.0.5', 'AAAA fd00:1:0:0::5', 'A 10.244.1.6']);
  });

  it.each([
    ['7.0.96.10.in-addr.arpa', 'PTR', 'web.default.svc.cluster.local'],
    ['5.0.244.10.in-addr.arpa', 'PTR', 'db-0.db.default.svc.cluster.local'],
    ['6.1.244.10.in-addr.arpa', 'PTR', undefined],
    ['244.10.in-addr.arpa', 'PTR', undefined],
    ['5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa', 'PTR', undefined],
    [
      '5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0.0.0.d.f.ip6.arpa',
      'PTR',
      'db-0.db.default.svc.cluster.local',
    ],
  ])('the name of the address in %s', (name, type, expected) => {
    expect(zone.reverse(name, type)?.answers.map((record) => 'data' in record && record.data)[0]).toBe(expected);
  });

  it('what is gone has no names, and another service that has its address keeps its own', () => {
    const changing = new ClusterNames();
    const other = new Zone(changing, { domain: 'cluster.local', ttlSeconds: 5 });
    for (const name of ['a', 'b']) changing.set(`x/${name}`, serviceOf(`x/${name}`, { clusterIP: '10.96.0.9' }), []);
    const pointers = (): unknown =>
      other.reverse('9.0.96.10.in-addr.arpa', 'PTR')?.answers.map((record) => 'data' in record && record.data);
    expect(pointers()).toEqual(['a.x.svc.cluster.local', 'b.x.svc.cluster.local']);
    const { version } = changing;
    changing.delete('x/a');
    expect(changing.version).not.toBe(version);
    expect(pointers()).toEqual(['b.x.svc.cluster.local']);
    expect(other.answer('a.x.svc.cluster.local', 'A').rcode).toBe(3);
    changing.set('x/b', serviceOf('x/b', { clusterIP: '10.96.0.10' }), []);
    expect(pointers()).toBeUndefined();
  });
});
