import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { container, podWith } from '../plan/testing.ts';
import { mountImage, unmountImages } from './image-volumes.ts';
import { volumeMounts } from './mounts.ts';

const isRoot = process.getuid?.() === 0;
let root: string;
let pod: string;
let volumes: string;
const layer = (name: string, files: Record<string, string>): string => {
  const path = join(root, name);
  mkdirSync(join(path, 'sub'), { recursive: true });
  for (const [file, text] of Object.entries(files)) writeFileSync(join(path, file), text);
  return path;
};
const imageOf = (...layers: string[]) => ({ imageId: 'sha256:1', reference: 'data:1', layers });

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'timonel-image-volumes-'));
  pod = join(root, 'the pod');
  volumes = join(pod, 'volumes');
  mkdirSync(volumes, { recursive: true });
});
afterEach(async () => {
  await unmountImages(root);
  rmSync(root, { recursive: true, force: true });
});

describe('volumes of images', () => {
  it('are the layer itself when there is one, never written to', async () => {
    const only = layer('one', { a: '1' });
    expect(await mountImage('v', imageOf(only), volumes)).toBe(only);
    const spec = { volumes: [{ name: 'v', image: { reference: 'data:1' } }] };
    const mount = (subPath: string) => {
      const app = container('app', { volumeMounts: [{ name: 'v', mountPath: '/v', subPath }] });
      const images = new Map([['v', imageOf(only)]]);
      const facts = { nodeName: 'n', nodeAddress: '', podAddresses: [], allocatable: {} };
      const sources = { configMap: async () => undefined, secret: async () => undefined };
      return volumeMounts(app, volumes, new Map(), { pod: podWith(spec), facts, sources, images });
    };
    expect(await mount('sub')).toMatchObject([{ hostPath: join(only, 'sub'), readOnly: true }]);
    await expect(mount('absent')).rejects.toThrow('subPath "absent" is not in the image of volume "v"');
    expect(existsSync(join(only, 'absent'))).toBe(false);
  });

  it('that cannot be say why', async () => {
    await expect(mountImage('v', imageOf(), volumes)).rejects.toThrow('image data:1 has no layers');
    const many = Array.from({ length: 100 }, (_, index) => `/layers/${'x'.repeat(60)}${index}`);
    await expect(mountImage('v', imageOf(...many), volumes)).rejects.toThrow('too many layers for a volume');
    await expect(mountImage('v', imageOf('/a:b', '/c'), volumes)).rejects.toThrow('holds one of the signs');
    expect(existsSync(join(volumes, 'v'))).toBe(false);
  });

  (isRoot ? it : it.skip)('of several layers are an overlay, once, until the pod goes (needs root)', async () => {
    const layers = [layer('upper', { a: '2' }), layer('lower', { a: '1', b: '1' })];
    const path = await mountImage('v', imageOf(...layers), volumes);
    expect(await mountImage('v', imageOf(...layers), volumes)).toBe(path);
    expect([readFileSync(join(path, 'a'), 'utf8'), readFileSync(join(path, 'b'), 'utf8')]).toEqual(['2', '1']);
    expect(() => writeFileSync(join(path, 'c'), '')).toThrow('EROFS');
    await unmountImages(pod);
    expect(existsSync(join(path, 'a'))).toBe(false);
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
    expect(mounts.filter((line) => line.includes(root))).toEqual([]);
  });
});
