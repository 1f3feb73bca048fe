import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { containerConfig, sandboxConfig } from '@timonel/testkit/contracts/runtime';
import { mountSpecs } from './bundle/mounts.ts';
import { pathWithin } from './bundle/path-within.ts';
import { pauseSpec } from './bundle/pause-spec.ts';
import { specText } from './bundle/spec.ts';
import { resolveUser } from './bundle/user.ts';
import { configSchema } from './config.ts';
import { hybridMount, shiftsLayers } from './host.ts';
import { OciFailure } from './oci-program.ts';

const image = { imageId: 'sha256:x', reference: 'x', layers: [] };

describe('paths within a root', () => {
  let root: string;
  let outside: string;
  beforeAll(() => {
    outside = mkdtempSync(join(tmpdir(), 'timonel-oci-paths-'));
    root = join(outside, 'root');
    mkdirSync(join(root, 'etc'), { recursive: true });
    writeFileSync(join(outside, 'passwd'), 'evil:x:0:0::/:/bin/sh\n');
    writeFileSync(join(root, 'etc/real'), 'good:x:7:8::/home/good:/bin/sh\n');
    symlinkSync('../../passwd', join(root, 'etc/up'));
    symlinkSync('/etc/real', join(root, 'etc/passwd'));
    symlinkSync(join(outside, 'passwd'), join(root, 'etc/absolute'));
    symlinkSync('loop', join(root, 'etc/loop'));
    symlinkSync('/../../../etc', join(root, 'around'));
  });
  afterAll(() => {
    rmSync(outside, { recursive: true, force: true });
  });

  it.each([
    ['/etc/passwd', 'etc/real'],
    ['/around/passwd', 'etc/real'],
    ['/../../etc/./real', 'etc/real'],
    ['/etc/up', undefined],
    ['/etc/absolute', undefined],
    ['/etc/loop', undefined],
    ['/etc/none', undefined],
  ])('%s lies at %s', (path, expected) => {
    expect(pathWithin(root, path)).toBe(expected === undefined ? undefined : join(root, expected));
  });

  it('names of users come from the image alone', () => {
    const user = (name: string): unknown => resolveUser(containerConfig('s', 'c', image, ['x'], { user: name }), root);
    expect(user('good')).toEqual({ uid: 7, gid: 8, groups: [8], home: '/home/good' });
    expect(() => user('evil')).toThrow('is not in the image');
  });
});

describe('what is written for the OCI runtime', () => {
  it('has numbers of 64 bits in filters as they are', () => {
    const spec = pauseSpec(sandboxConfig('s', '/l'), configSchema.parse({}), '/r', 'g');
    const rule = {
      names: ['x'],
      action: 'SCMP_ACT_ALLOW',
      args: [{ index: 0, value: 2n ** 64n - 1n, op: 'SCMP_CMP_EQ' }],
    } as const;
    const text = specText({
      ...spec,
      linux: { ...spec.linux, seccomp: { defaultAction: 'SCMP_ACT_ERRNO', syscalls: [rule] } },
    });
    expect(text).toContain('"value":18446744073709551615,');
    expect(JSON.parse(text)).toMatchObject({ hostname: 's', linux: { seccomp: { defaultAction: 'SCMP_ACT_ERRNO' } } });
  });

  it('mounts what lies deeper later, and lets a volume take the place of what every container has', () => {
    const mount = (containerPath: string) =>
      ({ hostPath: '/h', containerPath, readOnly: true, recursiveReadOnly: false, propagation: 'rslave' }) as const;
    const config = containerConfig('s', 'c', image, ['x'], { mounts: [mount('/a/b'), mount('/a'), mount('/dev/shm')] });
    const places = { root: '/r', sharedMemory: '/m', terminationFile: '/t', mounts: [] };
    const specs = mountSpecs(config, sandboxConfig('s', '/l'), places);
    expect(specs.slice(-3).map(({ destination }) => destination)).toEqual(['/a', '/a/b', '/dev/shm']);
    expect(specs.filter(({ destination }) => destination === '/dev/shm')).toHaveLength(1);
    expect(specs.at(-1)?.options).toEqual(['rbind', 'rslave', 'ro']);
  });
});

describe('what OCI runtimes say', () => {
  const record = (text: string): string => `time="2026-01-01T00:00:00Z" level=error msg=${JSON.stringify(text)}\n`;

  it.each([
    ['executable file `x` not found in $PATH: No such file or directory\n', 127, 'executable file `x`'],
    [record('exec failed: exec: "x": executable file not found in $PATH'), 127, 'exec failed: exec: "x"'],
    [record('exec: "/d": permission denied'), 126, 'exec: "/d": permission denied'],
    ['open executable: Operation not permitted', 126, 'open executable'],
    [`${record('first')}${record('cannot do it')}`, 128, 'cannot do it'],
  ])('%j is exit code %i', (text, exitCode, message) => {
    expect(new OciFailure(text)).toMatchObject({ exitCode, message: expect.stringContaining(message) });
  });

  it('is cut where it is endless', () => {
    expect(new OciFailure('x'.repeat(100_000)).message).toHaveLength(1024);
  });
});

describe('the node', () => {
  const v1 = '32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n';

  it('has a tree to hide only where one stands beside v1', () => {
    const v2 = '41 31 0:38 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw\n';
    expect([hybridMount(v2), hybridMount(v1), hybridMount('')]).toEqual([undefined, undefined, undefined]);
  });

  it.each([
    ['5.18.0', false],
    ['5.19.0-1-amd64', true],
    ['6.1.0', true],
    ['4.19.0', false],
  ])('of Linux %s shifts layers: %s', (kernel, expected) => {
    expect(shiftsLayers(kernel)).toBe(expected);
  });

  it.each([{ cgroupParent: '/abs' }, { cgroupParent: 'a/../b' }, { monitor: '' }, { unknown: 1 }])(
    'refuses the configuration %j',
    (config) => {
      expect(configSchema.safeParse(config).success).toBe(false);
    },
  );
});
