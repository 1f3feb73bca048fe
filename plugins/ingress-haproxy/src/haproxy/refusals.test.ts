import { describe, expect, it } from '@jest/globals';
import type { RoutingTable } from '../routing/model.ts';
import { routeTo } from '../testing/bed.ts';
import { complaintOf, Refusals } from './refusals.ts';

const upstreams = new Map();

/** A route and a certificate of each. */
function tableOf(...owners: string[]): RoutingTable {
  const certificates = owners.map((owner) => ({ pem: `${owner}.pem`, hosts: [], owner }));
  return {
    routes: owners.map((owner) => routeTo(80, owner, { owner, order: owner })),
    listeners: [{ port: 443, tls: true, certificates }],
    upstreams,
  };
}

const ownersOf = ({ routes, listeners }: RoutingTable): (string | undefined)[] => [
  ...routes.map(({ owner }) => owner),
  ...listeners.flatMap(({ certificates }) => certificates.map(({ owner }) => owner)),
];

/** Refuses those that are bad. */
function checker(): { checks: number; check(table: RoutingTable): Promise<string | undefined> } {
  return {
    checks: 0,
    check(table) {
      this.checks += 1;
      const bad = ownersOf(table).find((owner) => owner?.startsWith('bad') === true);
      return Promise.resolve(bad === undefined ? undefined : `${bad} is bad`);
    },
  };
}

describe('what haproxy refuses', () => {
  it('is found by few checks, with why, and left out alone', async () => {
    const refusals = new Refusals();
    const owners = Array.from({ length: 500 }, (_, index) => `good-${index}`);
    const table = tableOf(...owners, 'bad-1', 'bad-2');
    const haproxy = checker();
    await refusals.find(table, (part) => haproxy.check(part));
    expect(Object.fromEntries(refusals.messages)).toEqual({ 'bad-1': 'bad-1 is bad', 'bad-2': 'bad-2 is bad' });
    expect(ownersOf(refusals.without(table))).toEqual([...owners, ...owners]);
    expect(haproxy.checks).toBeLessThan(40);
  });

  it('is tried again once it has changed, and forgotten once it is gone', async () => {
    const refusals = new Refusals();
    const table = tableOf('good', 'bad');
    await refusals.find(table, (part) => checker().check(part));
    expect(ownersOf(refusals.without(tableOf('bad', 'good', 'more')))).not.toContain('bad');
    const [route] = table.routes;
    const routes = [
      ...table.routes.slice(1),
      { ...routeTo(80, 'other'), owner: 'bad' },
      ...(route === undefined ? [] : [route]),
    ];
    expect(ownersOf(refusals.without({ ...table, routes }))).toContain('bad');
    await refusals.find(table, (part) => checker().check(part));
    refusals.without(tableOf('good'));
    expect(refusals.messages.size).toBe(0);
  });

  it('is nobody’s when it is refused without what anybody owns', async () => {
    const refusals = new Refusals();
    await expect(refusals.find(tableOf('a'), () => Promise.resolve('no port'))).rejects.toThrow('no port');
    expect(refusals.messages.size).toBe(0);
  });

  it('is told without the paths of files', () => {
    const text = [
      '[NOTICE]   (7) : path to executable is /usr/sbin/haproxy',
      "[ALERT]    (7) : config : parsing [/var/lib/x/haproxy.next.cfg:12] : timer overflow in argument '9ms' to 'timeout server'",
      '[ALERT]    (7) : config : Error(s) found in configuration file : /var/lib/x/haproxy.next.cfg',
    ].join('\n');
    expect(complaintOf(text)).toBe("timer overflow in argument '9ms' to 'timeout server'");
    expect(complaintOf('[ALERT] (7) : config : unable to load /var/lib/x/443-0.pem: bad')).toBe(
      'unable to load 443-0.pem: bad',
    );
    expect(complaintOf('killed\n')).toBe('killed');
  });
});
