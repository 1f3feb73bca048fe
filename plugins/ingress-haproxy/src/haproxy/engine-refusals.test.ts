/** A real haproxy: it fails where none is installed (Debian: apt install haproxy). */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { until } from '@timonel/testkit';
import { freePort } from '@timonel/testkit/free-port';
import type { Route } from '../routing/model.ts';
import { ask, routeTo, startBed, startPod, upstreamsOf, type Bed, type Pod } from '../testing/bed.ts';

describe('haproxy with a table that it refuses', () => {
  let bed: Bed;
  let pods: readonly [Pod, Pod];

  beforeAll(async () => {
    bed = await startBed();
    pods = [await startPod('one'), await startPod('two')];
  });
  afterAll(async () => {
    await bed[Symbol.asyncDispose]();
    for (const pod of pods) await pod[Symbol.asyncDispose]();
  });

  const podOf = async (host: string): Promise<string | number> => {
    const answer = await ask(bed.port, { host });
    return answer.seen?.pod ?? answer.status;
  };
  const routeOf = (name: string, more: Partial<Route> = {}): Route =>
    routeTo(bed.port, 'pods', { host: { kind: 'exact', name: `${name}.test` }, owner: name, ...more });
  /** Haproxy knows no such timeout. */
  const slow = (timeoutMs = 2 ** 31): Pick<Route, 'target'> => ({
    target: { kind: 'choices', choices: [{ upstream: 'pods', weight: 1, behaviour: { timeoutMs } }] },
  });

  it('serves all but that from its start, says why, and serves it once it is mended', async () => {
    const long = { kind: 'exact', value: `/${'a'.repeat(9_000)}` } as const;
    const routes = [routeOf('good'), routeOf('slow', slow()), routeOf('long', { path: long })];
    const certificates = [{ pem: 'none', hosts: ['torn.test'], owner: 'torn' }];
    const listeners = [
      { port: bed.port, tls: false, certificates: [] },
      { port: await freePort(), tls: true, certificates },
    ];
    await bed.serve({ routes, listeners, upstreams: upstreamsOf({ pods: [pods[0]] }) });
    expect([await podOf('good.test'), await podOf('slow.test')]).toEqual(['one', 404]);
    const { refused, lastError } = bed.engine.status;
    expect(lastError).toBeUndefined();
    expect([...refused.keys()].toSorted()).toEqual(['long', 'slow', 'torn']);
    expect(refused.get('slow')).toContain('timer overflow');

    const mended = [routeOf('good'), routeOf('slow', slow(1_000))];
    await bed.serve({ routes: mended, upstreams: upstreamsOf({ pods: [pods[0]] }) });
    expect([await podOf('slow.test'), bed.engine.status.refused.size]).toEqual(['one', 0]);
  });

  it('moves endpoints without a reload while something is refused', async () => {
    const table = { routes: [routeOf('good'), routeOf('slow', slow())] };
    const listeners = [{ port: bed.port, tls: false, certificates: [] }];
    bed.engine.update({ ...table, listeners, upstreams: upstreamsOf({ pods: [pods[0]] }) });
    await bed.engine.settled();
    const { reloads } = bed.engine.status;
    bed.engine.update({ ...table, listeners, upstreams: upstreamsOf({ pods: [pods[1]] }) });
    await bed.engine.settled();
    expect([await podOf('good.test'), bed.engine.status.reloads - reloads]).toEqual(['two', 0]);
    expect([...bed.engine.status.refused.keys()]).toEqual(['slow']);
  });

  it('moves endpoints also while nothing new can be served', async () => {
    await bed.serve({ routes: [routeOf('good')], upstreams: upstreamsOf({ pods: [pods[0]] }) });
    const { owner: _, ...nobodys } = routeOf('slow', slow());
    const listeners = [{ port: bed.port, tls: false, certificates: [] }];
    bed.engine.update({ routes: [routeOf('good'), nobodys], listeners, upstreams: upstreamsOf({ pods: [pods[1]] }) });
    await until(async () => (await podOf('good.test')) === 'two', { what: 'the endpoints to follow' });
    await until(() => bed.engine.status.lastError?.includes('timer overflow') === true, {
      what: 'the fault to be told',
    });
    await bed.serve({ routes: [routeOf('good')], upstreams: upstreamsOf({ pods: [pods[0]] }) });
    expect([await podOf('good.test'), bed.engine.status.lastError]).toEqual(['one', undefined]);
  });

  it('moves endpoints also while it cannot listen where it should', async () => {
    const routes = [routeOf('good')];
    await bed.serve({ routes, upstreams: upstreamsOf({ pods: [pods[0]] }) });
    const listeners = [bed.port, pods[0].port].map((port) => ({ port, tls: false, certificates: [] }));
    bed.engine.update({ routes, listeners, upstreams: upstreamsOf({ pods: [pods[1]] }) });
    await until(async () => (await podOf('good.test')) === 'two', { what: 'the endpoints to follow' });
    expect(bed.engine.status.lastError).toContain('haproxy does not start');
    await bed.serve({ routes, upstreams: upstreamsOf({ pods: [pods[0]] }) });
    expect([await podOf('good.test'), bed.engine.status.lastError]).toEqual(['one', undefined]);
  });
});
