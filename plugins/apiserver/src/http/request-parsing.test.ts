import { describe, expect, it } from '@jest/globals';
import { answerForm } from './negotiation.ts';
import { parseResourcePath } from './resource-path.ts';

describe('parseResourcePath', () => {
  const brief = (path: string): string => {
    const found = parseResourcePath(path);
    if (found === undefined) return 'none';
    const { group, version, namespace, resource, name, subresource } = found;
    return [group, version, namespace ?? '-', resource, name ?? '-', subresource].join(' ');
  };

  it('tells groups, namespaces, names and subresources apart', () => {
    expect(brief('/api/v1/pods')).toBe(' v1 - pods - ');
    expect(brief('/api/v1/namespaces')).toBe(' v1 - namespaces - ');
    expect(brief('/api/v1/namespaces/a')).toBe(' v1 - namespaces a ');
    expect(brief('/api/v1/namespaces/a/finalize')).toBe(' v1 - namespaces a finalize');
    expect(brief('/api/v1/namespaces/a/status')).toBe(' v1 - namespaces a status');
    expect(brief('/api/v1/namespaces/a/pods')).toBe(' v1 a pods - ');
    expect(brief('/api/v1/namespaces/a/pods/b/log')).toBe(' v1 a pods b log');
    expect(brief('/apis/apps/v1/namespaces/a/deployments/b/scale/')).toBe('apps v1 a deployments b scale');
  });

  it('leaves what follows a proxy as it is', () => {
    const tail = (path: string): string => `${brief(path)} ${parseResourcePath(path)?.tail ?? ''}`;
    expect(tail('/api/v1/namespaces/a/pods/b/proxy')).toBe(' v1 a pods b proxy ');
    expect(tail('/api/v1/namespaces/a/pods/b/proxy/')).toBe(' v1 a pods b proxy /');
    expect(tail('/api/v1/namespaces/a/services/https:b:1/proxy/x//%2F/..%')).toBe(
      ' v1 a services https:b:1 proxy /x//%2F/..%',
    );
    expect(tail('/api/v1/nodes/n/proxy/api/v1/nodes/n/proxy/x')).toBe(' v1 - nodes n proxy /api/v1/nodes/n/proxy/x');
    expect(tail('/api/v1/namespaces/proxy/pods/proxy/proxy/x')).toBe(' v1 proxy pods proxy proxy /x');
    expect(tail('/api/v1/namespaces/a/configmaps/proxy/status')).toBe(' v1 a configmaps proxy status ');
  });

  it('is done with a path of very many proxies at once', () => {
    const many = '/proxy'.repeat(10_000);
    const before = performance.now();
    expect(brief(`/api/v1/pods/a/b${many}/`)).toMatch(/^ v1 - pods a b\/proxy\/proxy/);
    expect(brief(`/api/v1/${many}/`)).toBe('none');
    expect(brief(`/api/v1${many}/`)).toBe(' v1 - proxy proxy proxy');
    expect(brief(`/api/v1/namespaces/a/configmaps/b${many}/`)).toBe(' v1 a configmaps b proxy');
    expect(brief(`/apis/g/v1/namespaces/a/things/b${many}/`)).toBe('g v1 a things b proxy');
    expect(brief(`/x${many}/`)).toBe('none');
    expect(performance.now() - before).toBeLessThan(1000);
  });

  it('takes no path that could mean something else', () => {
    for (const path of [
      '/',
      '/api',
      '/api/v1',
      '/apis/apps/v1',
      '/api/v1//pods',
      '/api/v1/pods/a%2Fb',
      '/api/v1/pods/..',
      '/api/v1/pods/%',
      '/apix/v1/pods',
    ]) {
      expect(brief(path)).toBe('none');
    }
  });
});

describe('answerForm', () => {
  it('takes the first form that it can make, by preference', () => {
    expect(answerForm(undefined)).toBe('json');
    expect(answerForm('*/*')).toBe('json');
    expect(answerForm('application/vnd.kubernetes.protobuf,application/json')).toBe('json');
    expect(answerForm('application/json;as=Table;v=v1;g=meta.k8s.io,application/json')).toBe('table');
    expect(answerForm('application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json')).toBe('json');
    expect(answerForm('application/json;q=0.5, application/yaml')).toBe('yaml');
    expect(answerForm('application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io')).toBe('partial');
    expect(() => answerForm('text/html')).toThrow(expect.objectContaining({ reason: 'NotAcceptable' }));
  });
});
