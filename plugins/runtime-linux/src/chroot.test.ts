/** Where pivot_root cannot work the new root is moved over the old one and entered by chroot: the same isolation. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import { Bed } from './testing/bed.ts';

const bed = new Bed(createRealEnv(), { rootSwitch: 'chroot' });
beforeAll(() => bed.open(), 60_000);
afterEach(() => bed.removeAll());
afterAll(() => bed.close());

describe('a container whose root is entered by chroot', () => {
  it('sees the files of its image only, and no mount of the node', async () => {
    const { stdout, exitCode } = await bed.run('ls /; cat /proc/self/mountinfo');
    expect(exitCode).toBe(0);
    const lines = stdout.split('\n');
    expect(lines).toEqual(expect.arrayContaining('bin dev etc lib lib64 proc root sys tmp usr'.split(' ')));
    expect(lines).not.toContain('boot');
    const points = lines.flatMap((line) => (/^\d+ \d+ \d+:\d+ /.test(line) ? [line.split(' ')[4] ?? ''] : []));
    expect(points).toContain('/proc');
    for (const point of points) expect(point).toMatch(/^\/($|proc|sys|dev)/);
    expect(stdout).not.toContain(bed.dataDir);
  });

  it('cannot leave it by .. or through /proc', async () => {
    const { stdout } = await bed.run('cd /; cd ../../../..; ls | tr "\\n" " "; ls /proc/1/root/ | tr "\\n" " "');
    const listings = stdout.trim().split(/\s+/);
    expect(listings).not.toContain('boot');
    expect(listings.filter((name) => name === 'usr')).toHaveLength(2);
  });

  it('works like any other: exit codes, writes, restarts of the agent', async () => {
    const { exitCode, stdout } = await bed.run('echo written > /tmp/file && cat /tmp/file && exit 7');
    expect(exitCode).toBe(7);
    expect(stdout).toBe('written');
  });
});
