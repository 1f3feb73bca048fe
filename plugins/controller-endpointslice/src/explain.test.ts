import { expect, it } from '@jest/globals';
import { explain } from './explain.ts';
import { aPod, aService, observed } from './testing/objects.ts';

it('says which pods take no traffic, and why', () => {
  const pods = [
    aPod('1'),
    aPod('2', { ready: false }),
    aPod('3', { ready: false }),
    aPod('4', { nodeName: '', ips: [], phase: 'Pending' }),
    aPod('5', { ips: [], phase: 'Pending' }),
    aPod('6', { phase: 'Failed' }),
    aPod('7', { nodeName: 'gone' }),
    aPod('8', { ips: ['fd00::8'] }),
    aPod('9', { deleting: true }),
    aPod('10', { spec: { containers: [{ name: 'c' }] } }),
  ];
  expect(explain(observed({ pods })).map(({ code, text }) => `${code}: ${text}`)).toEqual([
    'pods-not-ready: 2 of 10 pods are not ready: 2, 3',
    'pods-not-scheduled: 1 of 10 pods have no node yet: 4',
    'pods-without-address: 1 of 10 pods have no address yet: 5',
    'pods-ended: 1 of 10 pods have ended: 6',
    'node-gone: 1 of 10 pods are of nodes that do not exist: 7',
    'other-family: 1 of 10 pods have no address of the family IPv4: 8',
    'pods-terminating: 1 of 10 pods are being deleted: 9',
    'no-such-port: 1 of 10 pods have no container port named http: 10',
  ]);
});

it('says that nothing is selected, or that nobody made endpoints', () => {
  const codes = (seen: Parameters<typeof explain>[0]): string[] => explain(seen).map(({ code }) => code);
  expect(codes(observed())).toEqual(['no-pods-selected']);
  const subject = aService({ selector: {} });
  expect(codes(observed({ subject }))).toEqual(['no-selector']);
  expect(codes(observed({ subject, foreignEndpoints: 1 }))).toEqual([]);
  expect(codes(observed({ subject: aService({ type: 'ExternalName' }) }))).toEqual([]);
  expect(codes(observed({ pods: [aPod('1')] }))).toEqual([]);
});
