import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createRecordingLogger } from '@timonel/testkit';
import { PullRecords, type VerificationPolicy } from './pull-records.ts';

let directory: string;
let file: string;
let images: string[];
const log = createRecordingLogger();
const open = (policy: VerificationPolicy = 'NeverVerifyPreloadedImages'): Promise<PullRecords> =>
  PullRecords.open({ file, policy, log, present: async () => images });

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'timonel-records-'));
  file = join(directory, 'pulled-images.json');
  images = [];
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('records of pulls', () => {
  it('hold for the next agent, for its owner only, and without what is secret', async () => {
    const records = await open();
    await records.begin('a:1');
    await records.done('sha256:1', 'a:1', ['secret:ns/one/u', 'content:1']);
    await records.done('sha256:1', 'a:1', ['secret:ns/two/u', 'content:2']);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const next = await open();
    expect(next.isOpen('sha256:1', 'a:1')).toBe(false);
    expect(next.knows('sha256:1', ['secret:ns/one/u', 'content:renewed'])).toBe(true);
    expect(next.knows('sha256:1', ['secret:other/one/u', 'content:2'])).toBe(true);
    expect(next.knows('sha256:1', ['secret:ns/three/u'])).toBe(false);
    await next.done('sha256:1', 'a:1', []);
    expect((await open()).isOpen('sha256:1', 'a:1')).toBe(true);
    // What everybody got once stays so.
    await next.done('sha256:1', 'a:1', ['content:1']);
    expect(next.isOpen('sha256:1', 'a:1')).toBe(true);
  });

  it('keep an image closed whose pull was not seen to its end', async () => {
    await (await open()).begin('a:1');
    const next = await open();
    expect(next.isOpen('sha256:1', 'a:1')).toBe(false);
    expect(next.isOpen('sha256:1', 'b:1')).toBe(true);
  });

  it.each<[VerificationPolicy, boolean, boolean]>([
    ['NeverVerify', true, true],
    ['NeverVerifyPreloadedImages', true, false],
    ['AlwaysVerify', false, false],
  ])(
    'by %s: open are images brought by hand: %s, and those pulled with credentials: %s',
    async (policy, byHand, pulled) => {
      const records = await open(policy);
      await records.done('sha256:1', 'a:1', ['content:1']);
      expect(records.isOpen('sha256:2', 'b:1')).toBe(byHand);
      expect(records.isOpen('sha256:1', 'a:1')).toBe(pulled);
    },
  );

  it('forget images that are gone, once there are many', async () => {
    const records = await open();
    images = ['sha256:7'];
    for (let count = 0; count <= 200; count += 1) await records.done(`sha256:${count}`, `a:${count}`, ['content:1']);
    expect(Object.keys((JSON.parse(readFileSync(file, 'utf8')) as { images: object }).images)).toEqual(['sha256:7']);
  });

  it('that are damaged begin anew, with a warning', async () => {
    writeFileSync(file, '{');
    expect((await open()).isOpen('sha256:1', 'a:1')).toBe(true);
    expect(log.lines.at(-1)).toMatchObject({ level: 'warn', fields: { file } });
  });
});
