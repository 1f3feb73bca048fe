import { describe, expect, it } from '@jest/globals';
import { remoteUserHeaders } from './remote-user.ts';

const user = { username: 'jane', uid: '', groups: [], extra: {} };

describe('headers of a user', () => {
  it('are each group and value for itself, in bytes of UTF-8, with keys that headers can have', () => {
    const extra = { 'Example.com/a b(c)': ['1', '2'] };
    expect(remoteUserHeaders({ username: 'jäne', uid: 'u', groups: ['a,b', 'c'], extra })).toEqual([
      'X-Remote-User',
      Buffer.from('jäne').toString('latin1'),
      'X-Remote-Uid',
      'u',
      'X-Remote-Group',
      'a,b',
      'X-Remote-Group',
      'c',
      'X-Remote-Extra-example.com%2Fa%20b%28c%29',
      '1',
      'X-Remote-Extra-example.com%2Fa%20b%28c%29',
      '2',
    ]);
  });

  it('are refused when they would be more than one line, or endless', () => {
    for (const wrong of [
      { ...user, username: 'jane\r\nX-Remote-Group: system:masters' },
      { ...user, groups: ['a\nb'] },
      { ...user, extra: { key: ['a\0'] } },
      { ...user, groups: Array.from({ length: 10_000 }, () => 'group') },
    ])
      expect(() => remoteUserHeaders(wrong)).toThrow(/control characters|longer than/);
  });
});
