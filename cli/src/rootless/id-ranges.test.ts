import { describe, expect, it } from '@jest/globals';
import { findIdRanges, rangesOf } from './id-ranges.ts';

const ada = { uid: 1000, gid: 1000, name: 'ada' };
const all = (): boolean => true;

describe('the ids of an ordinary user', () => {
  it('are its own as root, and those of /etc/subuid and /etc/subgid from 1 on', () => {
    const texts = {
      '/etc/subuid': 'bob:1:2\nada:100000:65536\n',
      '/etc/subgid': '1000:200000:40000\nada:300000:40000\n',
    };
    const found = findIdRanges(ada, (path) => texts[path as keyof typeof texts], all);
    expect(found).toEqual({
      kind: 'many',
      uids: [
        [0, 1000, 1],
        [1, 100_000, 65_536],
      ],
      gids: [
        [0, 1000, 1],
        [1, 200_000, 40_000],
        [40_001, 300_000, 40_000],
      ],
    });
  });

  it('are its own alone where it was given too few, and what to do is said', () => {
    const found = findIdRanges(ada, (path) => (path === '/etc/subuid' ? 'ada:100000:65536' : 'ada:100000:1000'), all);
    expect(found).toMatchObject({
      kind: 'one',
      uids: [[0, 1000, 1]],
      why: '/etc/subgid gives this user less than 65536 ids',
      fix: 'as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ada',
    });
  });

  it('are its own alone where nobody can map more', () => {
    const found = findIdRanges(
      ada,
      () => 'ada:100000:65536',
      (program) => program !== 'newgidmap',
    );
    expect(found).toMatchObject({ kind: 'one', why: 'newgidmap is missing', fix: 'apt-get install uidmap' });
  });

  it('passes over lines that are no ranges', () => {
    expect(rangesOf('ada\nada:x:5\nada:5:0\n:1:5\n\n', ada)).toEqual([]);
    expect(rangesOf(':1:5', { ...ada, name: '' })).toEqual([]);
  });
});
