import { describe, expect, it } from '@jest/globals';
import { mustRun } from '@timonel/sdk/command';
import { hasProgram } from './host.ts';
import { networkFeatures } from './network-features.ts';

const programs = { ip: hasProgram('ip'), nft: hasProgram('nft') };
const canTry = process.getuid?.() === 0 && programs.ip && programs.nft;

describe('networkFeatures', () => {
  (canTry ? it : it.skip)('tries links and rules, and leaves none (needs root, ip and nft)', async () => {
    const seen = async (): Promise<string> =>
      (await mustRun('ip', ['route'])) + (await mustRun('nft', ['list', 'tables']));
    const features = await networkFeatures(programs);
    expect(features.map(({ name, ok, fix }) => ({ name, ok, fix }))).toEqual([
      { name: 'pod links', ok: true, fix: '' },
      { name: 'tunnels to other links', ok: true, fix: '' },
      { name: 'nft rules', ok: true, fix: '' },
    ]);
    expect(await seen()).not.toMatch(/198\.51\.100\.0|table ip t$/m);
  });

  it('tries nothing that no program is there for', async () => {
    expect(await networkFeatures({ ip: false, nft: false })).toEqual([]);
  });

  it('says what is missing and what to do', async () => {
    const path = process.env['PATH'];
    // Without unshare nothing can be tried, which is no better than a failure.
    process.env['PATH'] = '/nowhere';
    try {
      const [links] = await networkFeatures({ ip: true, nft: false });
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
