import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { volumeRequest } from '@timonel/testkit';
import { prepareImage } from './image.ts';
import { unmountBelow } from './mount-table.ts';

const isRoot = process.getuid?.() === 0;
let root: string;
let pod: string;
let volume: string;

const layer = (name: string, files: Record<string, string>): string => {
  const path = join(root, name);
  mkdirSync(path);
  for (const [file, text] of Object.entries(files)) writeFileSync(join(path, file), text);
  return path;
};
const prepare = (...layers: string[]) =>
  prepareImage({
    ...volumeRequest({ name: 'v', image: { reference: 'data:1' } }, { directory: volume }),
    image: { imageId: 'sha256:1', reference: 'data:1', layers },
  });

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'timonel-image-volumes-'));
  pod = join(root, 'the pod');
  volume = join(pod, 'v');
  mkdirSync(pod);
});
afterEach(async () => {
  await unmountBelow(root);
  rmSync(root, { recursive: true, force: true });
});

describe('volumes of images', () => {
  it('are the layer itself when there is one, and nobody writes to it', async () => {
    const only = layer('one', { a: '1' });
    expect(await prepare(only)).toEqual({ hostPath: only, readOnly: true });
  });

  it('that cannot be say why', async () => {
    await expect(prepare()).rejects.toThrow('image data:1 has no layers');
    const many = Array.from({ length: 100 }, (_, index) => `/layers/${'x'.repeat(60)}${index}`);
    await expect(prepare(...many)).rejects.toThrow('too many layers for a volume');
    await expect(prepare('/a:b', '/c')).rejects.toThrow('holds one of the signs');
    expect(existsSync(volume)).toBe(false);
  });

  (isRoot ? it : it.skip)('of several layers are an overlay, once, until the pod goes (needs root)', async () => {
    const layers = [layer('upper', { a: '2' }), layer('lower', { a: '1', b: '1' })];
    expect(await prepare(...layers)).toEqual({ hostPath: volume, readOnly: true });
    await prepare(...layers);
    expect([readFileSync(join(volume, 'a'), 'utf8'), readFileSync(join(volume, 'b'), 'utf8')]).toEqual(['2', '1']);
    expect(() => writeFileSync(join(volume, 'c'), '')).toThrow('EROFS');
    await unmountBelow(pod);
    expect(existsSync(join(volume, 'a'))).toBe(false);
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
    expect(mounts.filter((line) => line.includes(root))).toEqual([]);
  });
});
