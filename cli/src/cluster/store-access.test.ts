import { expect, it } from '@jest/globals';
import type { MemberStatus } from '@timonel/sdk/contracts/store';
import { parseRevision } from '../commands/store-group.ts';
import { behind, findMember, roleOf } from './store-access.ts';

const member = (id: string, name: string, more: Partial<MemberStatus> = {}): MemberStatus => ({
  id,
  name,
  peerUrls: [],
  learner: false,
  self: false,
  leader: false,
  status: undefined,
  error: undefined,
  matchIndex: undefined,
  ...more,
});
const members = [
  member('a', 's1', { matchIndex: 90 }),
  member('b', 's2', { leader: true, matchIndex: 100 }),
  member('c', 's3', { learner: true }),
  member('d', 's3'),
];

it('finds members by id or name', () => {
  expect(findMember(members, 'a').name).toBe('s1');
  expect(findMember(members, 's2').id).toBe('b');
  expect(() => findMember(members, 's3')).toThrow('name one by its id, c or d');
  expect(() => findMember(members, 's4')).toThrow('timonel store members');
  expect(findMember([...members, member('s3', 'x')], 's3').name).toBe('x');
});

it('knows roles, and who is behind', () => {
  expect(members.map(roleOf)).toEqual(['voter', 'leader', 'learner', 'voter']);
  expect(members.map((one) => behind(one, members))).toEqual([10, 0, undefined, undefined]);
  expect(behind(member('x', 'x', { matchIndex: 1 }), [])).toBeUndefined();
});

it('reads revisions', () => {
  expect(parseRevision('12')).toBe(12);
  for (const bad of ['', '0', '-1', '1.5', 'x', '1e3', '9'.repeat(20)])
    expect(() => parseRevision(bad)).toThrow('not a revision');
});
