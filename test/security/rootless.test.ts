/** What an ordinary user is told who asks for containers. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const command = join(import.meta.dirname, '..', '..', 'cli', 'dist', 'bin.js');

describe('an ordinary user', () => {
  it('is told by timonel doctor that pods are plain processes, and what to do', () => {
    const words = ['--reuid', '1234', '--regid', '1234', '--clear-groups', process.execPath, command, 'doctor'];
    const { stdout, status } = spawnSync('setpriv', words, { encoding: 'utf8', env: { HOME: '/nonexistent' } });
    expect(stdout).toMatch(/^root +no \(optional\) +no: pods run as plain processes, without isolation +run as root/m);
    expect(status).toBe(0);
  });
});
