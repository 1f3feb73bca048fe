import { createPrivateKey, createPublicKey } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { loadKey, readAnnouncement, type NodeKey } from './wireguard-key.ts';

let directory: string;
let path: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'timonel-key-'));
  path = join(directory, 'wireguard.key');
});
afterAll(() => rm(directory, { recursive: true, force: true }));

/** What WireGuard makes of a private key. */
function publicOf(privateKey: string): string {
  const prefix = Buffer.from('302e020100300506032b656e04220420', 'hex');
  const key = Buffer.concat([prefix, Buffer.from(privateKey, 'base64')]);
  const { x = '' } = createPublicKey(createPrivateKey({ key, format: 'der', type: 'pkcs8' })).export({ format: 'jwk' });
  return Buffer.from(x, 'base64url').toString('base64');
}

const anyKey = async (): Promise<NodeKey> => {
  const other = join(directory, 'other.key');
  await rm(other, { force: true });
  return loadKey(other);
};

describe('the key of a node', () => {
  it('is made once, for its owner alone, and others compute its public part rightly', async () => {
    const key = await loadKey(path);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(key.publicKey).toBe(publicOf(key.privateKey));
    expect((await readAnnouncement('n1', key.announce('n1', 51_820, false)))?.publicKey).toBe(key.publicKey);
    expect(await readFile(path, 'utf8')).not.toContain(key.privateKey);
    for (let round = 0; round < 20; round++) {
      const other = await anyKey();
      expect(other.publicKey).toBe(publicOf(other.privateKey));
    }
    await chmod(path, 0o644);
    expect((await loadKey(path)).privateKey).toBe(key.privateKey);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    await rm(path);
    expect((await loadKey(path)).privateKey).not.toBe(key.privateKey);
  });

  it('is not taken from a file that holds something else, which says what to do', async () => {
    for (const text of ['', 'AAAA', 'no key at all, but long enough to be one of them', `${'A'.repeat(44)}\nmore`]) {
      await writeFile(path, text);
      await expect(loadKey(path)).rejects.toThrow(/wireguard\.key holds no key: remove it/);
    }
  });
});

describe('what a node announces', () => {
  it('says how it is reached', async () => {
    const key = await anyKey();
    const { publicKey } = key;
    expect(await readAnnouncement('n1', key.announce('n1', 51_820, false))).toEqual({
      publicKey,
      port: 51_820,
      forAll: false,
    });
    expect(await readAnnouncement('n1', key.announce('n1', 7, true))).toEqual({ publicKey, port: 7, forAll: true });
  });

  it('counts for this node alone, and as it was said', async () => {
    const text = (await anyKey()).announce('n1', 51_820, false);
    expect(await readAnnouncement('n2', text)).toBeUndefined();
    const said = JSON.parse(text) as Record<string, unknown>;
    const { key: otherKey } = JSON.parse((await anyKey()).announce('n1', 51_820, false)) as Record<string, unknown>;
    const changes: object[] = [
      { port: 51_821 },
      { all: true },
      { key: otherKey },
      { proof: 'AAAA' },
      { proof: 7 },
      { key: [] },
      { port: '51820' },
      { port: 0 },
      { all: 'yes' },
      { more: 'x'.repeat(512) },
    ];
    for (const change of changes) {
      expect([change, await readAnnouncement('n1', JSON.stringify({ ...said, ...change }))]).toEqual([
        change,
        undefined,
      ]);
    }
    for (const garbage of ['', '{', 'null', '7', '[]', '{}'])
      expect(await readAnnouncement('n1', garbage)).toBeUndefined();
  });
});
