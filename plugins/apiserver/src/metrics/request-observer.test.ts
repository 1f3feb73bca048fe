import { describe, expect, it } from '@jest/globals';
import { createSimulatedEnv } from '@timonel/core';
import { openMetrics } from '@timonel/sdk';
import { parseResourcePath } from '../http/resource-path.ts';
import type { KindTable } from '../kinds/kind-table.ts';
import { apiMetrics } from './definitions.ts';
import { reportedVerb, RequestObserver, type RequestFacts } from './request-observer.ts';

function facts(method: string, querystring = '', contentType?: string): RequestFacts {
  return { method, path: '/', querystring, contentType };
}
const collection = parseResourcePath('/api/v1/namespaces/a/pods');
const object = parseResourcePath('/api/v1/namespaces/a/pods/b');

describe('reportedVerb', () => {
  it.each([
    ['LIST', facts('GET'), collection],
    ['LIST', facts('GET', 'watch=false'), collection],
    ['WATCH', facts('GET', 'a=b&watch=true'), collection],
    ['WATCH', facts('GET', 'watch=1'), object],
    ['WATCH', facts('GET', 'watch=True'), collection],
    ['WATCH', facts('GET', 'watch=t'), collection],
    ['WATCH', facts('GET', 'watch=%74rue'), collection],
    ['WATCH', facts('GET', '%77atch=1'), collection],
    ['LIST', facts('GET', 'watch=0&watch=1'), collection],
    ['GET', facts('GET', 'watch=1'), parseResourcePath('/api/v1/namespaces/a/pods/b/status')],
    ['GET', facts('HEAD'), object],
    ['GET', facts('GET'), undefined],
    ['POST', facts('POST'), collection],
    ['PUT', facts('PUT'), object],
    ['PATCH', facts('PATCH', '', 'application/merge-patch+json'), object],
    ['APPLY', facts('PATCH', '', 'application/apply-patch+yaml'), object],
    ['DELETE', facts('DELETE'), object],
    ['DELETECOLLECTION', facts('DELETE'), collection],
    ['CONNECT', facts('POST'), parseResourcePath('/api/v1/namespaces/a/pods/b/exec')],
    ['CONNECT', facts('GET'), parseResourcePath('/api/v1/namespaces/a/services/b/proxy/x/y')],
    ['GET', facts('GET'), parseResourcePath('/api/v1/namespaces/a/pods/b/log')],
    ['other', facts('BREW'), object],
  ])('%s', (verb, request, path) => {
    expect(reportedVerb(request, path)).toBe(verb);
  });
});

describe('RequestObserver', () => {
  const env = createSimulatedEnv({ seed: 1 });
  const { instruments, collect } = openMetrics(apiMetrics);
  const observer = new RequestObserver(instruments, env.clock);
  const pods = { group: '', version: 'v1', resource: 'pods', subresources: { log: {} } };
  const kinds = { find: () => ({ definition: pods }) } as unknown as KindTable;
  const shown = (name: string): unknown[] =>
    collect()
      .find((family) => family.name === name)
      ?.samples.filter(({ value }) => value !== 0)
      .map(({ labels, value }) => [...labels.map(([, text]) => text), value]) ?? [];

  it('counts what is under way and how long it took', async () => {
    const request = observer.begin(facts('PUT'));
    expect(shown('apiserver_current_inflight_requests')).toEqual([['mutating', 1]]);
    if (object !== undefined) request.isFor(object, kinds);
    await env.advance(30);
    expect(request.end(200)).toBe(30);
    expect(shown('apiserver_current_inflight_requests')).toEqual([]);
    expect(shown('apiserver_request_total')).toEqual([
      ['PUT', '', '', 'v1', 'pods', '', 'resource', 'apiserver', '200', 1],
    ]);
  });

  it('tells requests that others answer apart by group and version alone', () => {
    const path = parseResourcePath('/apis/example.com/v1/namespaces/a/things');
    const request = observer.begin(facts('GET', 'watch=1'));
    request.isDelegated({ group: 'example.com', version: 'v1' }, path);
    expect(shown('apiserver_current_inflight_requests')).toEqual([]);
    expect(shown('apiserver_longrunning_requests')).toEqual([
      ['WATCH', 'example.com', 'v1', '', '', 'namespace', 'apiserver', 1],
    ]);
    request.end(200);
    expect(shown('apiserver_longrunning_requests')).toEqual([]);
    expect(shown('apiserver_request_duration_seconds').flat()).not.toContain('example.com');
  });

  it('takes a log that is followed for long-running, and one that is not for a request like any other', () => {
    const path = parseResourcePath('/api/v1/namespaces/a/pods/b/log');
    for (const [query, count] of [
      ['follow=true', 1],
      ['follow', 1],
      ['follow=T', 1],
      ['follow=%74rue', 1],
      ['follow=false', 0],
      ['follow=0&follow=1', 0],
      ['', 0],
    ] as const) {
      const request = observer.begin(facts('GET', query));
      if (path !== undefined) request.isFor(path, kinds);
      expect(shown('apiserver_longrunning_requests')).toHaveLength(count);
      request.end(200);
      expect(shown('apiserver_longrunning_requests')).toEqual([]);
    }
  });
});
