import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { requestHeaders } from './proxy-headers.ts';

function request(...rawHeaders: string[]): IncomingMessage {
  const headers: Record<string, string> = {};
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const [name = '', value = ''] = rawHeaders.slice(at, at + 2);
    const before = headers[name.toLowerCase()];
    headers[name.toLowerCase()] = before === undefined ? value : `${before}, ${value}`;
  }
  const made: unknown = { rawHeaders, headers, url: '/a?b', socket: { remoteAddress: '10.0.0.9' } };
  return made as IncomingMessage;
}

function sent(...rawHeaders: string[]): string[] {
  const flat = requestHeaders(request(...rawHeaders), 'web:80', undefined);
  return flat.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${flat[at + 1]}`] : []));
}

describe('headers for the server behind a proxy', () => {
  it('say once where the request came from, whatever the client says', () => {
    const said = ['X-Forwarded-For', '1.2.3.4', 'x-forwarded-for', '5.6.7.8', 'X-Forwarded-Host', 'evil'];
    const more = ['X-FORWARDED-PROTO', 'gopher', 'X-Forwarded-Uri', '/elsewhere', 'X-Forwarded-Port', '1'];
    const others = ['X-Other', 'kept', 'X-Forwarded', 'kept too'];
    expect(sent('Host', 'api', ...said, ...more, ...others)).toEqual([
      'Host: web:80',
      'X-Other: kept',
      'X-Forwarded: kept too',
      'X-Forwarded-For: 1.2.3.4, 5.6.7.8, 10.0.0.9',
      'X-Forwarded-Host: api',
      'X-Forwarded-Proto: https',
      'X-Forwarded-Uri: /a?b',
    ]);
    expect(sent('Host', 'api')).toContain('X-Forwarded-For: 10.0.0.9');
  });

  it('say nothing of who the client claims to be', () => {
    const claims = [
      'X-Remote-User',
      'X-Remote-Group',
      'X-Remote-Extra-Scopes',
      'X_Remote_User',
      'Impersonate-User',
      'Impersonate-Extra-a',
    ];
    const more = ['Forwarded', 'X-Real-IP', 'Authorization'];
    const headers = sent('Host', 'api', ...[...claims, ...more].flatMap((name) => [name, 'admin']));
    expect(headers.filter((line) => line.endsWith(': admin'))).toEqual([]);
    expect(headers.length).toBe(5);
  });
});
