import { describe, expect, it } from '@jest/globals';
import { mustRun, run } from '@timonel/sdk/command';
import { hasProgram } from './host.ts';
import { networkFeatures, type NetworkFeature } from './network-features.ts';

const none = { ip: false, nft: false, wg: false, wireguardGo: false };
const programs = { ...none, ip: hasProgram('ip'), nft: hasProgram('nft') };
const canTry = process.getuid?.() === 0 && programs.ip && programs.nft;

describe('networkFeatures', () => {
  (canTry ? it : it.skip)('tries links and rules, and leaves none (needs root, ip and nft)', async () => {
    const seen = async (): Promise<string> =>
      (await mustRun('ip', ['route'])) + (await mustRun('nft', ['list', 'tables']));
    const features = await networkFeatures(programs);
    expect(features.map(({ name, ok, fix }) => ({ name, ok, fix }))).toEqual([
      { name: 'pod links', ok: true, fix: '' },
      { name: 'tunnels to other links', ok: true, fix: '' },
      { name: 'encrypted tunnels', ok: false, fix: 'apt-get install wireguard-tools' },
      { name: 'nft rules', ok: true, fix: '' },
    ]);
    expect(await seen()).not.toMatch(/198\.51\.100\.0|table ip t$/m);
  });

  it('tries nothing that no program is there for', async () => {
    expect(await networkFeatures(none)).toEqual([]);
  });

  (canTry ? it : it.skip)(
    'says why tunnels are not encrypted, or that they can be (needs root, ip and nft)',
    async () => {
      const encryptedWith = async (more: object): Promise<NetworkFeature | undefined> =>
        (await networkFeatures({ ...programs, ...more })).find(({ name }) => name === 'encrypted tunnels');
      const { status } = await run('unshare', ['--net', 'ip', 'link', 'add', 'w0', 'type', 'wireguard']);
      if (status === 0) {
        expect(await encryptedWith({ wg: true })).toMatchObject({ ok: true, fix: '' });
        return;
      }
      const found = await encryptedWith({ wg: true });
      expect(found).toMatchObject({ ok: false, optional: true });
      expect(found?.detail).toBe('tunnels of this node are VXLAN, which does not encrypt: the kernel has no WireGuard');
      expect(found?.fix).toContain('modprobe wireguard');
      expect(found?.fix).toContain('apt-get install wireguard-go, wireguardImplementation: userspace');
      expect((await encryptedWith({ wg: true, wireguardGo: true }))?.fix).not.toContain('apt-get');
    },
  );

  it('says what is missing and what to do', async () => {
    const path = process.env['PATH'];
    // Without unshare nothing can be tried, which is no better than a failure.
    process.env['PATH'] = '/nowhere';
    try {
      const [links] = await networkFeatures({ ...none, ip: true });
      expect(links).toMatchObject({
        name: 'pod links',
        ok: false,
        fix: expect.stringContaining('modprobe -a bridge veth'),
      });
      expect(links?.detail).toMatch(/unshare/);
    } finally {
      process.env['PATH'] = path;
    }
  });
});
