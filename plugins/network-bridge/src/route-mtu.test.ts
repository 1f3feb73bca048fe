import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { run } from '@timonel/testkit/network-namespaces';
import { namesFor } from './names.ts';
import { RouteMtu } from './route-mtu.ts';
import { Bed } from './testing/bed.ts';

jest.setTimeout(60_000);
// A test that needs root is listed as skipped without it.
const asRoot = process.getuid?.() === 0 ? describe : describe.skip;

describe('the largest packet of pods', () => {
  it('only gets lower, is remembered, and is never less than machines take', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'timonel-mtu-'));
    const path = join(directory, 'route-mtu');
    try {
      const mtu = new RouteMtu(path);
      await mtu.load();
      expect([mtu.below(1500), mtu.lower(1500, 1500), mtu.lower(9000, 1500), mtu.lower(Number.NaN, 1500)]).toEqual([
        undefined,
        false,
        false,
        false,
      ]);
      expect([mtu.lower(1450, 1500), mtu.below(1500)]).toEqual([true, 1450]);
      await mtu.save();
      const later = new RouteMtu(path);
      await later.load();
      expect([later.below(1500), later.lower(1450, 1500), later.lower(1480, 1500)]).toEqual([1450, false, false]);
      // Links that have got smaller since need none.
      expect([later.below(1400), later.lower(1440, 1400)]).toEqual([undefined, false]);
      expect([later.lower(1, 1500), later.below(1500)]).toEqual([true, 576]);
      await later.forget();
      for (const text of ['', 'garbage', '-5', '1e999', '12']) {
        await writeFile(path, text);
        await later.load();
        expect(later.below(1500)).toBeUndefined();
      }
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
});

asRoot('pods of network-bridge', () => {
  let bed: Bed;
  /** Of the default routes. */
  const mtusOf = async (path: string): Promise<(number | undefined)[]> => {
    const found: (number | undefined)[] = [];
    for (const family of ['-4', '-6']) {
      const { stdout } = await run('nsenter', [`--net=${path}`, 'ip', '-j', family, 'route', 'show', 'default']);
      for (const row of JSON.parse(stdout) as { metrics?: { mtu?: number }[] }[]) found.push(row.metrics?.[0]?.mtu);
    }
    return found;
  };
  const inPod = (path: string, text: string): ReturnType<typeof run> =>
    run('nsenter', [`--net=${path}`, ...text.split(' ')]);
  const fits = (path: string, bytes: number, to: string): Promise<boolean> =>
    inPod(path, `ping -n -c 1 -W 2 -M do -s ${bytes - 28} ${to}`).then(
      () => true,
      () => false,
    );

  beforeAll(async () => {
    bed = await new Bed('10.213.94.0/24', { podCidr6: 'fd00:213:94::/64', mtuBytes: 1500 }).open();
  });
  afterAll(() => bed.close());

  it('keep to what they are told: those that run, those that come, and after a restart', async () => {
    const old = await bed.pod('old');
    const { address: to } = await bed.pod('other');
    expect([await mtusOf(old.path), await fits(old.path, 1500, to)]).toEqual([[undefined, undefined], true]);
    await bed.network.limitMtu(1440);
    expect(await mtusOf(old.path)).toEqual([1440, 1440]);
    expect([await fits(old.path, 1500, to), await fits(old.path, 1440, to)]).toEqual([false, true]);
    const young = await bed.pod('young');
    expect(await mtusOf(young.path)).toEqual([1440, 1440]);
    await bed.network.limitMtu(1450);
    expect(await mtusOf(young.path)).toEqual([1440, 1440]);
    await bed.restart();
    const late = await bed.pod('late');
    expect(await mtusOf(late.path)).toEqual([1440, 1440]);
    // Nothing that comes to them is lost: their links are as before.
    expect((await inPod(late.path, 'ip -o link show dev eth0')).stdout).toContain(' mtu 1500 ');
    await bed.network.limitMtu(1200);
    for (const { path } of [old, young, late]) expect(await mtusOf(path)).toEqual([1200, 1280]);
    await bed.network.retain([]);
  });

  it('that have a default route of their own keep it; one whose namespace is gone is no obstacle', async () => {
    const own = await bed.pod('own');
    await inPod(own.path, 'ip link add other type bridge');
    await inPod(own.path, 'ip addr add 192.0.2.1/24 dev other');
    await inPod(own.path, 'ip link set other up');
    await inPod(own.path, 'ip route replace default via 192.0.2.9 dev other');
    const gone = await bed.pod('gone');
    await bed.removeNamespace(gone.path);
    await bed.network.limitMtu(900);
    expect((await inPod(own.path, 'ip route show default')).stdout.trim()).toBe('default via 192.0.2.9 dev other');
    expect(await mtusOf((await bed.pod('next')).path)).toEqual([900, 1280]);
    await bed.network.retain([]);
  });

  it('are not told of ways before a reboot, which takes the bridge and leaves the attachments', async () => {
    await bed.pod('before');
    await bed.network.limitMtu(800);
    await run('ip', ['link', 'delete', 'dev', namesFor(bed.dataDir).bridge]);
    await bed.restart();
    expect(await mtusOf((await bed.pod('after')).path)).toEqual([undefined, undefined]);
    await bed.network.retain([]);
  });

  it('of a network that is new do not know what others were told', async () => {
    await bed.network.retain([]);
    await bed.restart();
    expect(await mtusOf((await bed.pod('first')).path)).toEqual([undefined, undefined]);
  });
});
