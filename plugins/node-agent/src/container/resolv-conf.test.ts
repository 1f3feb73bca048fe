import { describe, expect, it } from '@jest/globals';
import type { Pod } from '@timonel/sdk/kube';
import { resolvFile } from './resolv-conf.ts';
import { podWith } from '../plan/testing.ts';

const nodeFile = 'nameserver 192.0.2.53\nsearch old.example\nsearch example.com\noptions ndots:2 rotate\n';
const cluster = { nameservers: ['10.244.0.1'], domain: 'cluster.local' };
const ofNode = 'search example.com\nnameserver 192.0.2.53\noptions ndots:2 rotate\n';
const ofCluster =
  'search default.svc.cluster.local svc.cluster.local cluster.local example.com\nnameserver 10.244.0.1\noptions ndots:5\n';
const dnsConfig = {
  nameservers: ['1.1.1.1'],
  searches: ['own', 'example.com'],
  options: [{ name: 'ndots', value: '3' }, { name: 'edns0' }],
};

const written = (spec: Partial<Pod['spec']>): string => resolvFile({ pod: podWith(spec), nodeFile, cluster });

describe('resolv.conf of a pod', () => {
  it.each<[string, Partial<Pod['spec']>, string]>([
    ['ClusterFirst is what pods have without saying so', {}, ofCluster],
    ['ClusterFirst', { dnsPolicy: 'ClusterFirst' }, ofCluster],
    ['ClusterFirst on the network of the host is Default', { dnsPolicy: 'ClusterFirst', hostNetwork: true }, ofNode],
    ['ClusterFirstWithHostNet', { dnsPolicy: 'ClusterFirstWithHostNet', hostNetwork: true }, ofCluster],
    ['Default', { dnsPolicy: 'Default' }, ofNode],
    ['None', { dnsPolicy: 'None', dnsConfig: { nameservers: ['1.1.1.1'] } }, 'nameserver 1.1.1.1\n'],
    [
      'what the pod says itself is added, and options replace those of the policy',
      { dnsConfig },
      'search default.svc.cluster.local svc.cluster.local cluster.local example.com own\nnameserver 10.244.0.1\nnameserver 1.1.1.1\noptions ndots:3 edns0\n',
    ],
  ])('%s', (_, spec, expected) => {
    expect(written(spec)).toBe(expected);
  });

  it('is the node’s while the cluster has no DNS there', () => {
    expect(resolvFile({ pod: podWith(), nodeFile, cluster: undefined })).toBe(ofNode);
  });

  it('has at most three servers, 32 search domains and 2,048 characters of these', () => {
    const nameservers = Array.from({ length: 5 }, (_, index) => `192.0.2.${index}`);
    const searches = Array.from({ length: 40 }, (_, index) => `d${index}.example`);
    const short = written({ dnsPolicy: 'None', dnsConfig: { nameservers, searches } });
    expect(short.match(/^nameserver/gm)).toHaveLength(3);
    expect(short.split('\n')[0]?.split(' ')).toHaveLength(33);
    const long = Array.from({ length: 20 }, (_, index) => `${'a'.repeat(200)}${index}`);
    const line = written({ dnsPolicy: 'None', dnsConfig: { nameservers, searches: long } }).split('\n')[0] ?? '';
    expect(line.split(' ')).toHaveLength(11);
  });
});
