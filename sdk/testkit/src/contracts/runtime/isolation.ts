import { mkdir, mkdtemp, open, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import type { ContainerConfig, SandboxConfig, SecuritySettings } from '@timonel/sdk/contracts/runtime';
import type { SuiteContext } from './suite-context.ts';

/** What a container is kept from, and what its settings change about that. For runtimes that isolate, and whose commands have a shell. */
export function isolationTests(suite: SuiteContext): void {
  const { shell } = suite.declared;
  const why = shell === undefined ? ' (skipped: this runtime does not isolate)' : '';
  const test = shell === undefined ? it.skip : it;

  /** What the script printed to stdout, line by line. */
  const run = async (
    script: string,
    changes: Partial<ContainerConfig> = {},
    sandboxChanges: Partial<SandboxConfig> = {},
  ): Promise<string[]> => {
    const sandbox = suite.newId();
    await suite.runtime.runSandbox(suite.sandbox(sandbox, sandboxChanges));
    return await runIn(sandbox, script, changes);
  };
  const runIn = async (sandbox: string, script: string, changes: Partial<ContainerConfig> = {}): Promise<string[]> => {
    const id = await suite.started(sandbox, shell?.(script) ?? [], changes);
    const { logPath } = await suite.exited(id);
    const lines = (await readFile(logPath, 'utf8')).split('\n').map((line) => line.split(' '));
    return lines.filter(([, stream]) => stream === 'stdout').map((words) => words.slice(3).join(' '));
  };
  const security = (changes: Partial<SecuritySettings>): Pick<ContainerConfig, 'security'> => ({
    security: { ...suite.container('', '', []).security, ...changes },
  });
  const field = (name: string): string =>
    `while read -r name value; do [ "$name" = ${name}: ] && echo "$value"; done < /proc/self/status`;

  test(`filters system calls unless they are unconfined${why}`, async () => {
    expect(await run(field('Seccomp'))).toEqual(['2']);
    expect(await run(field('Seccomp'), security({ seccomp: { type: 'RuntimeDefault' } }))).toEqual(['2']);
    expect(await run(field('Seccomp'), security({ seccomp: { type: 'Unconfined' } }))).toEqual(['0']);
  });

  test(`refuses a profile of system calls that is not there${why}`, async () => {
    const config = suite.container(
      await suite.newSandbox(),
      suite.newId(),
      suite.commands.run,
      security({ seccomp: { type: 'Localhost', path: '/no/such/profile.json' } }),
    );
    // some runtimes read it with the start only
    const made = suite.runtime.createContainer(config).then(() => suite.runtime.startContainer(config.id));
    await expect(made).rejects.toMatchObject({
      name: 'RuntimeError',
      message: expect.stringContaining('profile.json'),
    });
  });

  test(`says where that lies which a container wrote over its image, when it says so${why}`, async () => {
    const id = await suite.started(await suite.newSandbox(), shell?.('echo kept > /written') ?? []);
    const { writableLayer } = await suite.exited(id);
    if (writableLayer === undefined) return;
    expect(await readFile(join(writableLayer, 'written'), 'utf8')).toBe('kept\n');
  });

  test(`takes a termination message from every user${why}`, async () => {
    const sandbox = await suite.newSandbox();
    const changes = { user: '1000:1000', terminationMessagePath: '/termination' };
    const id = await suite.started(sandbox, shell?.('echo sunk > /termination') ?? [], changes);
    expect((await suite.exited(id)).message.trim()).toBe('sunk');
  });

  test(`gives capabilities as they are added and dropped${why}`, async () => {
    expect(await run(field('CapEff'), security({ dropCapabilities: ['ALL'] }))).toEqual(['0000000000000000']);
    expect(
      await run(field('CapEff'), security({ dropCapabilities: ['ALL'], addCapabilities: ['NET_ADMIN', 'CHOWN'] })),
    ).toEqual(['0000000000001001']);
  });

  test(`hides the node in /proc, and has it read only where it can be seen${why}`, async () => {
    const script =
      'read -r line < /proc/timer_list || echo hidden; (echo 1 > /proc/sys/kernel/panic) 2>/dev/null || echo refused';
    expect(await run(script)).toEqual(['hidden', 'refused']);
  });

  test(`limits open files as asked${why}`, async () => {
    const resourceLimits = [{ type: 'nofile', soft: 111, hard: 222 }];
    expect(await run('ulimit -Sn; ulimit -Hn', { resourceLimits })).toEqual(['111', '222']);
  });

  test(`shares memory within a pod only${why}`, async () => {
    const sandbox = await suite.newSandbox();
    await runIn(sandbox, 'echo shared > /dev/shm/contract');
    expect(await runIn(sandbox, 'read -r line < /dev/shm/contract; echo $line')).toEqual(['shared']);
    expect(await run('[ -e /dev/shm/contract ] || echo absent')).toEqual(['absent']);
  });

  test(`mounts what was opened, whatever its name leads to by then, as long as the container is there${why}`, async () => {
    const directory = await mkdtemp(join(tmpdir(), 'timonel-contract-'));
    try {
      for (const name of ['part', 'other']) {
        await mkdir(join(directory, name));
        await writeFile(join(directory, name, 'name'), `${name}\n`);
      }
      const handle = await open(join(directory, 'part'), 'r');
      const hostPath = `/proc/${process.pid}/fd/${handle.fd}`;
      await rename(join(directory, 'part'), join(directory, 'moved'));
      await symlink('other', join(directory, 'part'));
      const mounts = [{ hostPath, containerPath: '/part', readOnly: false, propagation: 'private' as const }];
      const command = shell?.('read -r name < /part/name; echo $name; echo written > /part/new') ?? [];
      const config = suite.container(await suite.newSandbox(), suite.newId(), command, { mounts });
      await suite.runtime.createContainer(config);
      await handle.close();
      await suite.runtime.startContainer(config.id);
      const { logPath } = await suite.exited(config.id);
      expect(await readFile(logPath, 'utf8')).toMatch(/ stdout F part\n$/);
      await suite.runtime.removeContainer(config.id);
      expect(await readFile(join(directory, 'moved', 'new'), 'utf8')).toBe('written\n');
      expect(await readFile('/proc/self/mountinfo', 'utf8')).not.toContain(directory);
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  test(`gives a pod a user namespace when it says that it can, and refuses it else${why}`, async () => {
    const userNamespace = { firstUid: 400_000, firstGid: 500_000, length: 65_536 };
    const { userNamespaces } = await suite.runtime.info();
    const mapped = run('while read -r line; do echo $line; done < /proc/self/uid_map', {}, { userNamespace });
    if (userNamespaces === true) expect(await mapped).toEqual(['0 400000 65536']);
    else await expect(mapped).rejects.toMatchObject({ name: 'RuntimeError' });
  });
}
