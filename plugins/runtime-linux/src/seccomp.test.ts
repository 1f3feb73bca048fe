import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import type { ContainerConfig } from '@timonel/sdk/contracts/runtime';
import { Bed, security } from './testing/bed.ts';

const bed = new Bed(createRealEnv());
beforeAll(() => bed.open(), 60_000);
afterEach(() => bed.removeAll());
afterAll(() => bed.close());

const status = 'while read -r name value; do [ "$name" = Seccomp: ] && echo "mode $value"; done < /proc/self/status';

function localhost(name: string, profile: unknown): Pick<ContainerConfig, 'security'> {
  const path = join(bed.dataDir, 'profiles', name);
  mkdirSync(join(bed.dataDir, 'profiles'), { recursive: true });
  writeFileSync(path, typeof profile === 'string' ? profile : JSON.stringify(profile));
  return security({ seccomp: { type: 'Localhost', path } });
}

const noMkdir = {
  defaultAction: 'SCMP_ACT_ALLOW',
  syscalls: [{ names: ['mkdir', 'mkdirat', 'no_such_call'], action: 'SCMP_ACT_ERRNO', errnoRet: 95 }],
};

describe('the system calls of a container', () => {
  it.each([true, false])(
    'are filtered when nothing is said (no_new_privs: %s), for any user',
    async (noNewPrivileges) => {
      for (const user of ['', '1234']) {
        const { stdout, stderr } = await bed.run(`${status}; unshare -U true || echo refused`, {
          ...security({ noNewPrivileges }),
          user,
        });
        expect({ stdout, stderr }).toEqual({
          stdout: 'mode 2\nrefused',
          stderr: 'unshare: unshare failed: Operation not permitted',
        });
      }
    },
  );

  it('leave no capability behind that only the filter needed', async () => {
    const script = 'while read -r name value; do case $name in Cap*) echo $value;; esac; done < /proc/self/status';
    const { stdout } = await bed.run(script, { ...security({ noNewPrivileges: false, dropCapabilities: ['ALL'] }) });
    expect(new Set(stdout.split('\n'))).toEqual(new Set(['0000000000000000']));
  });

  it('are not filtered when Unconfined, nor when privileged, whatever is asked', async () => {
    expect((await bed.run(status, security({ seccomp: { type: 'Unconfined' } }))).stdout).toBe('mode 0');
    const asked = localhost('unused.json', noMkdir).security.seccomp;
    const privileged = security({ privileged: true, ...(asked === undefined ? {} : { seccomp: asked }) });
    expect((await bed.run(status, privileged)).stdout).toBe('mode 0');
  });

  it('follow a profile of the node, in sessions too, also when the file is another one by then', async () => {
    const changes = localhost('no-mkdir.json', noMkdir);
    const id = await bed.started(await bed.sandbox(), ['sh', '-c', 'mkdir /tmp/a; echo done; sleep 60'], changes);
    await bed.printed(id, 'done');
    const container = await bed.runtime.containerStatus(id);
    expect(container === undefined ? '' : bed.logText(container, 'stderr')).toContain('Operation not supported');
    rmSync(join(bed.dataDir, 'profiles', 'no-mkdir.json'));
    await bed.restart();
    const session = await bed.runtime.exec(id, { command: ['mkdir', '/tmp/b'], tty: false, stdin: false });
    expect(await session.exited).toBe(1);
  });

  it('that a profile ends the process for, end it by SIGSYS', async () => {
    const killing = { ...noMkdir, syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_KILL_PROCESS' }] };
    const { exitCode, signal } = await bed.result(
      await bed.started(await bed.sandbox(), ['mkdir', '/tmp/a'], localhost('kill.json', killing)),
    );
    expect([exitCode, signal]).toEqual([159, 31]);
  });

  it('that a profile forbids execve: the start says so', async () => {
    const changes = localhost('no-exec.json', {
      ...noMkdir,
      syscalls: [{ names: ['execve'], action: 'SCMP_ACT_ERRNO' }],
    });
    const config = bed.container(await bed.sandbox(), ['true'], changes);
    await bed.runtime.createContainer(config);
    await expect(bed.runtime.startContainer(config.id)).rejects.toMatchObject({
      reason: 'StartError',
      message: expect.stringContaining('Operation not permitted'),
    });
  });

  it.each([
    ['is not JSON', '{'],
    ['defaultAction', {}],
    ['SCMP_ACT_TRACE', { defaultAction: 'SCMP_ACT_TRACE' }],
    ['is not on this node', undefined],
  ])('of a profile that cannot be are refused: %s', async (message, profile) => {
    const changes = localhost('bad.json', profile ?? '');
    if (profile === undefined) rmSync(join(bed.dataDir, 'profiles', 'bad.json'));
    const config = bed.container(await bed.sandbox(), ['true'], changes);
    await expect(bed.runtime.createContainer(config)).rejects.toMatchObject({
      reason: 'CreateContainerError',
      message: expect.stringMatching(new RegExp(`^seccomp profile .*/bad.json: .*${message}`)),
    });
  });
});
