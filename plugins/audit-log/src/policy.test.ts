import { describe, expect, it } from '@jest/globals';
import type { AuditedRequest } from '@timonel/sdk/contracts/audit';
import { defaultPolicy, verdict } from './policy.ts';

const user = { username: 'system:node:n1', uid: '', groups: ['system:nodes'], extra: {} };

function levelOf(verb: string, resource: string): string {
  const attributes = { user, verb, group: '', version: 'v1', resource, subresource: '', namespace: 'a', name: 'b' };
  const request: AuditedRequest = {
    auditId: '1',
    uri: '/',
    method: 'GET',
    receivedAt: 0,
    sender: user,
    impersonated: undefined,
    attributes,
    sourceAddress: '',
    userAgent: '',
  };
  return verdict(defaultPolicy, request).level;
}

describe('the default policy', () => {
  it('keeps who reads Secrets, also nodes, of which it keeps no other reads', () => {
    for (const verb of ['get', 'list', 'watch']) expect(levelOf(verb, 'secrets')).toBe('Metadata');
    expect(levelOf('get', 'pods')).toBe('None');
    expect(levelOf('patch', 'pods')).toBe('Metadata');
  });
});
