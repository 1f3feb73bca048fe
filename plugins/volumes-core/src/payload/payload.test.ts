import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createSimulatedEnv } from '@timonel/core/env';
import { ApiError, type PodSpec, type Volume } from '@timonel/sdk/kube';
import { testVolumeNode, volumeRequest } from '@timonel/testkit';
import { preparePayload } from './prepare.ts';
import { writePayload } from './write.ts';

let root: string;
let directory: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'timonel-payload-'));
  directory = join(root, 'v');
});
afterEach(() => rm(root, { recursive: true, force: true }));

const isRoot = process.getuid?.() === 0;
const file = (path: string, text: string, mode = 0o644) => ({ path, data: Buffer.from(text), mode });
const modeOf = async (path: string): Promise<string> => ((await stat(join(directory, path))).mode & 0o7777).toString(8);
const textOf = (path: string): Promise<string> => readFile(join(directory, path), 'utf8');
const names = async (): Promise<string[]> => (await readdir(directory)).filter((name) => !name.startsWith('..'));

describe('files that are exchanged as a whole', () => {
  const write = (version: string, ...files: ReturnType<typeof file>[]) =>
    writePayload(directory, files, { version, group: undefined });

  it('are there after one rename, with their modes, whatever the umask is', async () => {
    const umask = process.umask(0o077);
    try {
      await write('one', file('a', '1', 0o666), file('dir/b', '2', 0o400));
    } finally {
      process.umask(umask);
    }
    expect([await textOf('dir/b'), await modeOf('a'), await modeOf('dir/b')]).toEqual(['2', '666', '400']);
    expect([await modeOf('.'), await modeOf('..data'), await modeOf('dir')]).toEqual(['755', '755', '755']);
    await write('two', file('a', '3'));
    expect(await textOf('a')).toBe('3');
    expect((await readdir(directory)).toSorted()).toEqual(['..data', '..two', 'a']);
  });

  it('stay as they are when they are the same', async () => {
    await write('one', file('a', '1'));
    const before = await lstat(join(directory, '..data'));
    await write('one', file('a', '1'));
    expect((await lstat(join(directory, '..data'))).ino).toBe(before.ino);
  });

  it('are whole after a crash at each step of their exchange', async () => {
    await write('one', file('a', '1'));
    await mkdir(join(directory, '..half'));
    await mkdir(join(directory, '..two'));
    await writeFile(join(directory, '..two/a'), 'ha');
    await symlink('..two', join(directory, '..data_tmp'));
    await symlink('..data/gone', join(directory, 'gone'));
    await write('two', file('a', 'whole'), file('b', 'new'));
    expect([await textOf('a'), await textOf('b'), await readlink(join(directory, '..data'))]).toEqual([
      'whole',
      'new',
      '..two',
    ]);
    expect((await readdir(directory)).toSorted()).toEqual(['..data', '..two', 'a', 'b']);
  });

  it('are written anew where a loss of power left them empty, and what is shown is not written to', async () => {
    for (const shown of ['..one_', '..one', '..one_']) {
      await write('one', file('a', '1'));
      await writeFile(join(directory, 'a'), '');
      await write('one', file('a', '1'));
      expect([await textOf('a'), await readlink(join(directory, '..data'))]).toEqual(['1', shown]);
    }
    expect((await readdir(directory)).toSorted()).toEqual(['..data', '..one_', 'a']);
  });

  it('leave what there was when they are too large', async () => {
    await write('one', file('a', '1'));
    await expect(write('two', file('a', 'x'.repeat(5 << 20)))).rejects.toThrow('content of 5242880 bytes is over');
    expect(await textOf('a')).toBe('1');
  });
});

const node = testVolumeNode({
  configMap: async (_namespace, name) =>
    name === 'c' ? { metadata: {}, data: { a: '1' }, binaryData: { b: 'AAE=' } } : undefined,
  secret: async (_namespace, name) => (name === 's' ? { metadata: {}, data: { a: 'Mg==' } } : undefined),
  field: (path) => `<${path}>`,
  resource: ({ resource }) => `<${resource}>`,
});

const env = createSimulatedEnv({ seed: 1 });

function prepare(source: Record<string, unknown>, spec: Partial<PodSpec> = {}, on = node) {
  const volume: Volume = { name: 'v', ...source };
  const asked = volumeRequest(volume, { directory, node: on });
  return preparePayload({ ...asked, pod: { ...asked.pod, spec: { ...asked.pod.spec, ...spec } } }, env);
}

describe('volumes of objects', () => {
  it('follow them, and nobody writes to them', async () => {
    expect(await prepare({ configMap: { name: 'c' } })).toEqual({ hostPath: directory, readOnly: true, follows: true });
  });

  it('give ConfigMaps with binary data and modes', async () => {
    await prepare({
      configMap: {
        name: 'c',
        defaultMode: 0o400,
        items: [
          { key: 'b', path: 'x/b', mode: 0o444 },
          { key: 'a', path: 'a' },
        ],
      },
    });
    expect(await readFile(join(directory, 'x/b'))).toEqual(Buffer.from([0, 1]));
    expect([await modeOf('x/b'), await modeOf('a')]).toEqual(['444', '400']);
  });

  it('give projected volumes of several sources, the later ones first, and nothing of absent optional ones', async () => {
    const downwardAPI = {
      items: [
        { path: 'name', fieldRef: { fieldPath: 'metadata.name' } },
        { path: 'cpu', resourceFieldRef: { resource: 'limits.cpu' }, mode: 0o600 },
      ],
    };
    const optional = { secret: { name: 'none', optional: true } };
    const sources = [{ configMap: { name: 'c' } }, { downwardAPI }, optional, { secret: { name: 's' } }];
    await prepare({ projected: { sources, defaultMode: 0o640 } });
    expect((await names()).toSorted()).toEqual(['a', 'b', 'cpu', 'name']);
    expect([await textOf('a'), await textOf('name'), await textOf('cpu')]).toEqual([
      '2',
      '<metadata.name>',
      '<limits.cpu>',
    ]);
    expect([await modeOf('a'), await modeOf('cpu')]).toEqual(['640', '600']);
  });

  it('are empty for an optional object that is absent, and lack optional keys', async () => {
    await prepare({ secret: { secretName: 'none', optional: true } });
    expect(await names()).toEqual([]);
    await prepare({
      configMap: {
        name: 'c',
        optional: true,
        items: [
          { key: 'none', path: 'x' },
          { key: 'a', path: 'y' },
        ],
      },
    });
    expect(await names()).toEqual(['y']);
  });

  it.each([
    [
      'a missing key',
      { configMap: { name: 'c', items: [{ key: 'x', path: 'x' }] } },
      'references non-existent config key: x',
    ],
    [
      'a missing key of a secret',
      { secret: { secretName: 's', items: [{ key: 'x', path: 'x' }] } },
      'references non-existent secret key: x',
    ],
    ['an absent ConfigMap', { configMap: { name: 'none' } }, 'configmap "none" not found'],
    ['an absent secret', { secret: { secretName: 'none' } }, 'secret "none" not found'],
    ['a path that leaves', { configMap: { name: 'c', items: [{ key: 'a', path: '../x' }] } }, 'must not contain ".."'],
    [
      'an unknown source',
      { projected: { sources: [{ clusterTrustBundle: {} }] } },
      'source clusterTrustBundle of a projected volume',
    ],
  ])('refuse %s, and stay as they were', async (_what, source, message) => {
    await prepare({ configMap: { name: 'c' } });
    await expect(prepare(source)).rejects.toMatchObject({
      name: 'VolumeError',
      message: expect.stringContaining(message),
    });
    expect((await names()).toSorted()).toEqual(['a', 'b']);
  });

  (isRoot ? it : it.skip)('can be read by the group of the pod (needs root)', async () => {
    await prepare({ configMap: { name: 'c', defaultMode: 0o400 } }, { securityContext: { fsGroup: 1234 } });
    expect(await modeOf('a')).toBe('440');
    expect((await stat(join(directory, 'a'))).gid).toBe(1234);
    expect((await stat(join(directory, '..data'))).gid).toBe(1234);
  });
});

describe('volumes of a node that is not root', () => {
  (isRoot ? it : it.skip)('belong to its user, whatever the pod asks for (needs root)', async () => {
    await chmod(root, 0o777);
    const sources = [{ configMap: { name: 'c' } }, { serviceAccountToken: { path: 'token' } }];
    process.seteuid?.(65_534);
    try {
      await prepare({ projected: { sources } }, { securityContext: { fsGroup: 1234, runAsUser: 1001 } });
    } finally {
      process.seteuid?.(0);
    }
    expect((await stat(join(directory, 'token'))).uid).toBe(65_534);
  });
});

describe('tokens of service accounts', () => {
  const token = { sources: [{ serviceAccountToken: { path: 'token', audience: 'vault' } }] };
  const user = (runAsUser?: number) => (runAsUser === undefined ? {} : { securityContext: { runAsUser } });
  const containers = (...users: (number | undefined)[]) =>
    users.map((runAsUser, index) => ({ name: `c${index}`, image: 'web:1', ...user(runAsUser) }));

  it('are made anew before they end', async () => {
    expect(await prepare({ projected: token })).toMatchObject({ refreshAfterMs: 3_600_000 });
    expect([await textOf('token'), await modeOf('token')]).toEqual(['token', '644']);
  });

  describe('of an agent that starts while no server answers', () => {
    const tokenOf = (seconds: number): string => {
      const payload = { exp: Math.floor(env.clock.now() / 1000) + seconds };
      return `h.${Buffer.from(JSON.stringify(payload)).toString('base64url')}.s`;
    };
    const answering = (answer: () => Promise<{ token: string; expiresAt: number; renewAfterMs: number }>) =>
      testVolumeNode({ token: answer });
    const failing = (reason: 'ServiceUnavailable' | 'Forbidden') =>
      answering(() => Promise.reject(new ApiError(reason, reason)));
    const written = async (token: string): Promise<void> => {
      const good = answering(() => Promise.resolve({ token, expiresAt: 0, renewAfterMs: 1 }));
      await prepare({ projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } }, {}, good);
    };
    const again = (reason: 'ServiceUnavailable' | 'Forbidden') =>
      prepare({ projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } }, {}, failing(reason));

    it('stay as they are as long as they are good', async () => {
      await written(tokenOf(60));
      expect(await again('ServiceUnavailable')).toMatchObject({ refreshAfterMs: 10_000 });
      expect(await textOf('token')).toBe(tokenOf(60));
    });

    it('but not when they have expired, there is none, or it was refused', async () => {
      await expect(again('ServiceUnavailable')).rejects.toThrow('ServiceUnavailable');
      await written(tokenOf(-1));
      await expect(again('ServiceUnavailable')).rejects.toThrow('ServiceUnavailable');
      await written(tokenOf(60));
      await expect(again('Forbidden')).rejects.toThrow('Forbidden');
    });
  });

  (isRoot ? it : it.skip).each<[string, Partial<PodSpec>, string]>([
    ['the user of all containers', { containers: containers(1001, 1001) }, '600:1001'],
    ['the user of the pod', { securityContext: { runAsUser: 1002 } }, '600:1002'],
    ['nobody when containers differ', { containers: containers(1001, undefined) }, '644:0'],
    ['the group', { securityContext: { fsGroup: 1234 } }, '640:0'],
  ])('belong to %s alone (needs root)', async (_whom, spec, expected) => {
    await prepare({ projected: token }, spec);
    expect(`${await modeOf('token')}:${(await stat(join(directory, 'token'))).uid}`).toBe(expected);
  });
});
