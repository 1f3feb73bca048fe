/** A proxy that starts where another one ran removes what that one left in the kernel, when it serves itself. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import nftables from '@timonel/plugin-proxy-nftables';
import userspace from '@timonel/plugin-proxy-userspace';
import { removeLeftTraces, type KernelTraces } from '@timonel/sdk/command';
import { apiClient, type ApiClient } from '@timonel/sdk/contracts/api';
import { serviceProxy } from '@timonel/sdk/contracts/proxy';
import { ApiError } from '@timonel/sdk/kube';
import { fakeService, silentWatch, startTestKernel, type TestKernel } from '@timonel/testkit';

const canRun = process.getuid?.() === 0 && spawnSync('nft', ['--version']).status === 0;
const serviceAddress = '10.215.79.1';
const config = { serviceCidr: '10.215.79.0/24', onShutdown: 'keep' };
const entries = {
  nftables: { definition: nftables, source: 'built-in', config },
  userspace: { definition: userspace, source: 'built-in', config: {} },
} as const;

const fakeApi = (isAway = false): ReturnType<typeof fakeService> =>
  fakeService(apiClient, {
    list: async ({ resource }: { resource: string }) => {
      if (isAway) throw new ApiError('ServiceUnavailable', 'the API is away');
      const metadata = { namespace: 'default', name: 'web', uid: 'web', resourceVersion: '1' };
      const service = { metadata, spec: { clusterIP: serviceAddress, ports: [{ port: 80 }] } };
      return { metadata: { resourceVersion: '1' }, items: resource === 'services' ? [service] : [] };
    },
    watch: (_: unknown, { signal }: { signal: AbortSignal }) => silentWatch(signal),
  } as unknown as Partial<ApiClient>);

const output = (program: string, ...args: string[]): string => spawnSync(program, args, { encoding: 'utf8' }).stdout;

(canRun ? describe : describe.skip)('what a proxy leaves (needs root and nft)', () => {
  let dataDir: string;
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'timonel-left-'));
  });
  afterEach(async () => {
    for (const proxy of ['nftables', 'userspace'] as const) if (existsSync(fileOf(proxy))) disown(proxy);
    await removeLeftTraces(dataDir, serviceProxy.id);
    rmSync(dataDir, { recursive: true, force: true });
  });

  const fileOf = (proxy: keyof typeof entries): string => join(dataDir, `proxy-${proxy}`, 'kernel-traces.json');
  const tracesOf = (proxy: keyof typeof entries): KernelTraces =>
    JSON.parse(readFileSync(fileOf(proxy), 'utf8')) as KernelTraces;
  const start = (proxy: keyof typeof entries, isAway = false): Promise<TestKernel> =>
    startTestKernel({ plugins: [fakeApi(isAway), entries[proxy]], dataDir });

  /** Those that are there. */
  function present({ tables, links }: KernelTraces): string[] {
    const known = output('nft', 'list', 'tables').split('\n');
    const all = JSON.parse(output('ip', '-json', 'link')) as { ifname: string }[];
    return [
      ...tables.filter((table) => known.includes(`table ${table}`)),
      ...links.filter((link) => all.some(({ ifname }) => ifname === link)),
    ];
  }

  /** As if the process that it is of were gone. */
  function disown(proxy: keyof typeof entries): void {
    writeFileSync(fileOf(proxy), JSON.stringify({ ...tracesOf(proxy), owner: 'another' }));
  }

  it('goes when another one serves, and not before', async () => {
    await (await start('nftables')).stop();
    const left = tracesOf('nftables');
    expect(present(left)).toEqual(expect.arrayContaining([...left.tables]));
    disown('nftables');
    const away = await start('userspace', true);
    expect(present(left)).not.toEqual([]);
    await away.stop();
    const kernel = await start('userspace');
    expect(present(left)).toEqual([]);
    expect(existsSync(fileOf('nftables'))).toBe(false);
    const own = tracesOf('userspace');
    expect(present(own)).toEqual(own.links);
    await kernel.stop();
    expect(present(own)).toEqual([]);
  });

  it('goes also the other way round, after a process that was killed', async () => {
    const killed = await start('userspace');
    const left = tracesOf('userspace');
    expect(present(left)).toEqual(left.links);
    disown('userspace');
    const kernel = await start('nftables');
    expect(present(left)).toEqual([]);
    await killed.stop();
    await kernel.control.disable('proxy-nftables');
    await kernel.stop();
  });

  it('of a proxy that runs in this process is left alone: they take turns', async () => {
    const kernel = await start('nftables');
    const second = await start('userspace');
    const running = tracesOf('nftables');
    expect(present(running)).toEqual(expect.arrayContaining([...running.tables]));
    await second.stop();
    await kernel.control.disable('proxy-nftables');
    await kernel.stop();
    expect(present(running)).toEqual([]);
  });

  it('is removed by names of ours alone, whatever the file says', async () => {
    const link = `n${process.pid}`;
    output('ip', 'link', 'add', link, 'type', 'bridge');
    const traces = {
      owner: 'another',
      service: serviceProxy.id,
      tables: ['ip other; flush ruleset'],
      links: [link, 7],
    };
    mkdirSync(join(dataDir, 'proxy-userspace'));
    try {
      for (const text of [JSON.stringify(traces), '{', 'null', '[]', JSON.stringify({ ...traces, tables: 3 })]) {
        writeFileSync(fileOf('userspace'), text);
        await removeLeftTraces(dataDir, serviceProxy.id);
        expect(output('ip', 'link', 'show', link)).toContain(link);
      }
    } finally {
      output('ip', 'link', 'delete', link);
    }
  });
});
