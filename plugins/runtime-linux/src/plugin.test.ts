import { describe, expect, it } from '@jest/globals';
import { capabilityBits } from '@timonel/sdk/linux';
import { containerCapabilities } from './capabilities.ts';
import { configSchema } from './config.ts';
import plugin, { checkHost } from './index.ts';
import { isId } from './layout.ts';
import { encodeSpec } from './spec-file.ts';

describe('checkHost', () => {
  it('finds all that is needed here, each with what was found', async () => {
    const checks = await checkHost();
    expect(checks.map(({ name }) => name)).toEqual(['kernel', 'root', 'namespaces', 'overlay', 'cgroups', 'monitor']);
    for (const check of checks) expect(check).toMatchObject({ ok: true, detail: expect.stringMatching(/./), fix: '' });
  });
});

describe('the configuration', () => {
  it('has defaults', () => {
    expect(configSchema.parse({})).toEqual({
      cgroupParent: '',
      unprivilegedPorts: true,
      logMaxBytes: 10_485_760,
      logMaxFiles: 5,
      rootSwitch: 'auto',
      runDirectory: '',
      jobDeadlineSeconds: 120,
    });
    expect(plugin.name).toBe('runtime-linux');
  });

  it.each([
    { cgroupParent: '/abs' },
    { runDirectory: 'relative' },
    { jobDeadlineSeconds: 0 },
    { cgroupParent: 'a/../b' },
    { cgroupparent: 'a' },
    { openFilesLimit: { soft: -1, hard: 1 } },
  ])('refuses %j', (config) => {
    expect(configSchema.safeParse(config).success).toBe(false);
  });
});

describe('the capabilities of a container', () => {
  const mask = (changes: { privileged?: boolean; addCapabilities?: string[]; dropCapabilities?: string[] }): string =>
    capabilityBits(
      containerCapabilities({
        privileged: false,
        readOnlyRootFilesystem: false,
        noNewPrivileges: true,
        addCapabilities: [],
        dropCapabilities: [],
        ...changes,
      }),
    ).toString(16);

  it.each([
    [{}, 'a80425fb'],
    [{ privileged: true }, '1ffffffffff'],
    [{ addCapabilities: ['ALL'] }, '1ffffffffff'],
    [{ addCapabilities: ['ALL'], dropCapabilities: ['CHOWN'] }, '1fffffffffe'],
    [{ dropCapabilities: ['ALL'] }, '0'],
    [{ dropCapabilities: ['ALL'], addCapabilities: ['CAP_SYS_ADMIN', 'chown'] }, '200001'],
    [{ dropCapabilities: ['MKNOD'], addCapabilities: ['SYS_TIME'] }, 'a20425fb'],
  ])('%j is %s', (changes, expected) => {
    expect(mask(changes)).toBe(expected);
  });

  it('refuses an unknown name', () => {
    expect(() => mask({ addCapabilities: ['FLY'] })).toThrow('unknown capability "FLY"');
  });
});

describe('the spec file', () => {
  it('ends each record by NUL and refuses NUL within', () => {
    expect(
      encodeSpec([
        ['arg', 'a=b\nc'],
        ['env', ''],
      ]).toString(),
    ).toBe('arg=a=b\nc\0env=\0');
    expect(() => encodeSpec([['arg', 'a\0']])).toThrow('contains a NUL character');
  });
});

it('takes for ids only what can be a name of a directory and of a group', () => {
  expect(['a', 'pod-1', '9'].every(isId)).toBe(true);
  expect(['', '.', '..', '-a', 'a-', 'A', 'a/b', 'x'.repeat(201)].some(isId)).toBe(false);
});
