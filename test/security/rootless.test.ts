/** What an ordinary user is told who asks for containers. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const command = join(import.meta.dirname, '..', '..', 'cli', 'dist', 'bin.js');

const asUser = 'exec setpriv --reuid 1234 --regid 1234 --clear-groups "$@"';
const withoutNsenter = `mount --bind /dev/null "$(command -v nsenter)" && ${asUser}`;

function doctor(script: string): { readonly stdout: string; readonly status: number | null } {
  const words = ['--mount', 'sh', '-c', script, 'sh', process.execPath, command, 'doctor'];
  const env = { HOME: '/nonexistent', PATH: process.env['PATH'] ?? '' };
  return spawnSync('unshare', words, { encoding: 'utf8', env });
}

describe('an ordinary user', () => {
  it('is told by timonel doctor that its containers are isolated, and what they lack', () => {
    const { stdout, status } = doctor(asUser);
    expect(stdout).toMatch(/^root +no \(optional\) +no: containers run in namespaces of this user/m);
    expect(stdout).toMatch(/^rootless: user namespaces +yes/m);
    expect(stdout).toMatch(/^rootless: overlay +yes/m);
    expect(stdout).toMatch(
      /^rootless: ids +no \(optional\) .* as root: usermod --add-subuids \S+ --add-subgids \S+ 1234/m,
    );
    expect(status).toBe(0);
  });

  it('is told that pods are plain processes where it can have no namespaces, and what to do', () => {
    const { stdout, status } = doctor(withoutNsenter);
    expect(stdout).toMatch(/^root +no \(optional\) +no: pods run as plain processes, without isolation/m);
    expect(stdout).toMatch(
      /^rootless: user namespaces +no \(optional\) +the program nsenter is missing +apt-get install util-linux/m,
    );
    expect(status).toBe(0);
  });
});
