/** One service proxy takes the place of another on a live node: users of services notice nothing. */
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { newTraces, traces } from '../support/machine.ts';
import { bedMissing, createBed, type Bed } from './bed/bed.ts';
import { kubectl, startWhole, type Master } from './bed/cluster.ts';
import { Download, slowPod } from './bed/download.ts';
import { Traffic } from './bed/traffic.ts';

jest.setTimeout(120_000);
const suite = bedMissing === undefined ? describe : describe.skip;
const nodePort = 30_831;
const path = '/apis/kernel.timonel.dev/v1/services/proxy';

suite(`a swap of the service proxy${bedMissing === undefined ? '' : ` (${bedMissing})`}`, () => {
  let before: string[];
  let bed: Bed;
  let whole: Master;

  beforeAll(async () => {
    before = traces();
    bed = await createBed({ masters: 1 });
    whole = await startWhole(bed.machine('m1'));
    const ports = [{ port: 80, targetPort: 8080, nodePort }];
    const service = { type: 'NodePort', selector: { app: 'slow' }, ports };
    const items = [slowPod(), { apiVersion: 'v1', kind: 'Service', metadata: { name: 'slow' }, spec: service }];
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
    await kubectl(bed, whole, ['apply', '-f', '-'], { input });
    await kubectl(bed, whole, ['wait', '--for=condition=Ready', 'pod/slow', '--timeout=60s'], { timeoutMs: 70_000 });
  });
  afterAll(async () => {
    await whole?.process.stop();
    await bed?.[Symbol.asyncDispose]();
    expect(newTraces(before).filter((trace) => trace.includes(bed.directory))).toEqual([]);
  });

  it('no connection fails, and a long download goes on', async () => {
    const target = `${whole.machine.address}:${nodePort}`;
    const download = await Download.start(bed.client, target);
    const traffic = await Traffic.start(bed.client, { targets: [target] });
    for (const proxy of ['userspace', 'nftables']) {
      const input = JSON.stringify({ provider: `proxy-${proxy}` });
      const swapped = await kubectl(bed, whole, ['replace', '--raw', path, '-f', '-'], { input });
      expect(swapped).toMatchObject({ status: 0, stderr: '' });
      expect(JSON.parse(swapped.stdout)).toMatchObject({ report: { to: `proxy-${proxy}` } });
      expect((await traffic.goesOn(100)).failures).toEqual([]);
      await download.goesOn();
    }
    expect((await traffic.stop()).failures).toEqual([]);
    await Download.end(bed.client, target);
    await download.isWhole();
  });

  it('what a killed node had of its proxy goes when it starts without one', async () => {
    const { machine } = whole;
    const tables = (): Promise<string> => machine.mustExec('nft', ['list', 'tables']);
    await whole.process.kill9();
    expect(await tables()).toMatch(/^table ip timonel_[0-9a-f]{8}_svc$/m);
    whole = await startWhole(machine, { args: ['--disable', 'proxy-nftables'] });
    expect(await tables()).not.toContain('_svc');
  });
});
