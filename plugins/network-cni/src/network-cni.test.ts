import { chmod, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Attachment } from '@timonel/sdk/contracts/network';
import { CniBed, request } from './testing/cni-bed.ts';

const answer = (ips: readonly unknown[], cniVersion = '1.1.0'): string =>
  `echo '${JSON.stringify({ cniVersion, ips })}'`;
const gives = (address: string, gateway = '10.9.0.1'): string =>
  `if [ $CNI_COMMAND = ADD ]; then ${answer([{ address, gateway }])}; fi`;
const list = (plugins: readonly unknown[], more = {}): unknown => ({
  cniVersion: '1.1.0',
  name: 'net',
  plugins,
  ...more,
});

let bed: CniBed;
beforeEach(async () => {
  bed = await CniBed.open();
  await bed.usePlugin('loopback', answer([]));
});
afterEach(() => bed.close());

const calls = async (): Promise<readonly string[]> =>
  (await readFile(join(bed.plugins, 'calls'), 'utf8').catch(() => '')).trim().split('\n');
const lastInput = async (command: string): Promise<unknown> =>
  JSON.parse(await readFile(join(bed.plugins, `last.${command}`), 'utf8'));
/** A path that is there; these plugins do not look into it. */
const attach = (id: string, more = {}): Promise<Attachment> =>
  bed.network.attach({ ...request(id, bed.directory), ...more });

describe('network-cni', () => {
  it('calls the plugins of a chain in order, each with the result of the one before, and takes them away in reverse', async () => {
    await bed.usePlugin('first', gives('10.9.0.2/24'));
    await bed.usePlugin('second', gives('10.9.0.3/24'));
    await bed.configure(list([{ type: 'first' }, { type: 'second', mine: [1] }], { podCidr: 1 }));
    await bed.start({ podCidr: '10.9.0.0/24' });
    expect(await attach('a')).toEqual({
      sandboxId: 'a',
      addresses: ['10.9.0.3'],
      interfaceName: 'eth0',
      gateway: '10.9.0.1',
    });
    const prevResult = { cniVersion: '1.1.0', ips: [{ address: '10.9.0.2/24', gateway: '10.9.0.1' }] };
    expect(await lastInput('ADD')).toEqual({ type: 'second', mine: [1], cniVersion: '1.1.0', name: 'net', prevResult });
    await bed.network.detach('a');
    expect(await lastInput('DEL')).toMatchObject({ type: 'first', prevResult: { ips: [{ address: '10.9.0.3/24' }] } });
    const status = ['first STATUS ', 'second STATUS '];
    expect(await calls()).toEqual([
      ...status,
      'loopback ADD a',
      'first ADD a',
      'second ADD a',
      'second DEL a',
      'first DEL a',
    ]);
  });

  it('gives host ports and limits to those plugins that have the capability, and says what nobody has', async () => {
    await bed.usePlugin('ports', gives('10.9.0.2/24'));
    await bed.configure(list([{ type: 'ports', capabilities: { portMappings: true, bandwidth: false } }]));
    await bed.start({ podCidr: '10.9.0.0/24' });
    const hostPorts = [{ protocol: 'UDP', hostIP: '127.0.0.1', hostPort: 53, containerPort: 5353 }];
    const { warnings } = await attach('a', { hostPorts, bandwidth: { ingress: 1000 } });
    const portMappings = [{ hostPort: 53, containerPort: 5353, protocol: 'udp', hostIP: '127.0.0.1' }];
    expect(await lastInput('ADD')).toMatchObject({ runtimeConfig: { portMappings } });
    expect(warnings).toEqual([
      {
        reason: 'BandwidthNotLimited',
        message: expect.stringMatching(/no plugin of the CNI network net has this capability/),
      },
    ]);
  });

  it('addresses of both families come with IPv4 first', async () => {
    await bed.usePlugin(
      'both',
      `if [ $CNI_COMMAND = ADD ]; then ${answer([{ address: 'fd00::2/64', gateway: 'fd00::1' }, { address: '10.9.0.2/24' }])}; fi`,
    );
    await bed.configure(list([{ type: 'both' }]));
    await bed.start({ podCidr: '10.9.0.0/24' });
    expect(await attach('a')).toMatchObject({ addresses: ['10.9.0.2', 'fd00::2'] });
  });

  it('takes away what a chain has made that fails, and says so in the plugin’s words', async () => {
    await bed.usePlugin('first', gives('10.9.0.2/24'));
    await bed.usePlugin(
      'second',
      `[ $CNI_COMMAND = ADD ] || exit 0; echo '{"code":11,"msg":"try later","details":"no lease"}'; exit 1`,
    );
    await bed.configure(list([{ type: 'first' }, { type: 'second' }]));
    await bed.start({ podCidr: '10.9.0.0/24' });
    await expect(attach('a')).rejects.toMatchObject({
      name: 'NetworkError',
      message: 'the CNI plugin second failed at ADD: try later; no lease (code 11)',
    });
    expect((await calls()).slice(-2)).toEqual(['second DEL a', 'first DEL a']);
    expect(await bed.network.list()).toEqual([]);
    expect(await readdir(join(bed.directory, 'data/pods'))).toEqual([]);
  });

  it('remembers what it could not take away, over a crash in the middle and with another configuration by then', async () => {
    await bed.usePlugin('broken', 'echo "no JSON at all"; exit 3');
    await bed.configure({ cniVersion: '1.0.0', name: 'old', plugins: [{ type: 'broken' }] });
    await bed.start({ podCidr: '10.9.0.0/24' });
    await expect(attach('a')).rejects.toThrow(/broken failed at ADD: status 3: no JSON at all/);
    await bed.usePlugin('broken', '');
    await bed.usePlugin('fine', gives('10.9.0.2/24'));
    await bed.configure(list([{ type: 'fine' }]));
    await bed.start({ podCidr: '10.9.0.0/24' });
    expect(await bed.network.list()).toEqual([]);
    await rm(join(bed.plugins, 'calls'));
    expect(await attach('a')).toMatchObject({ addresses: ['10.9.0.2'] });
    expect(await calls()).toEqual(['broken DEL a', 'loopback ADD a', 'fine ADD a']);
    expect(await bed.network.retain([])).toBe(1);
    expect((await calls()).slice(-2)).toEqual(['fine DEL a', 'fine GC']);
  });

  it('makes anew what a plugin says is wrong, and nothing when a plugin breaks at the question', async () => {
    const check = (body: string): string => `${gives('10.9.0.2/24')}; if [ $CNI_COMMAND = CHECK ]; then ${body}; fi`;
    await bed.usePlugin('one', check('echo \'{"code":100,"msg":"gone"}\'; exit 1'));
    await bed.configure(list([{ type: 'one' }]));
    await bed.start({ podCidr: '10.9.0.0/24' });
    await attach('a');
    await attach('a');
    expect((await calls()).slice(-4)).toEqual(['one CHECK a', 'one DEL a', 'loopback ADD a', 'one ADD a']);
    await bed.usePlugin('one', check('kill -9 $$'));
    await attach('a');
    expect((await calls()).at(-1)).toBe('one CHECK a');
  });

  it('tells plugins which pods there are', async () => {
    await bed.usePlugin('one', gives('10.9.0.2/24'));
    await bed.configure(list([{ type: 'one' }]));
    await bed.start({ podCidr: '10.9.0.0/24' });
    await attach('a');
    await bed.network.retain(['a']);
    expect(await lastInput('GC')).toMatchObject({
      'cni.dev/valid-attachments': [{ containerID: 'a', ifname: 'eth0' }],
    });
  });

  it('ends a plugin that hangs, with what it has begun', async () => {
    await bed.usePlugin('slow', 'if [ $CNI_COMMAND = ADD ]; then sleep 1000 & echo $! >child; wait; fi');
    await bed.configure(list([{ type: 'slow' }]));
    await bed.start({ podCidr: '10.9.0.0/24', timeoutMs: 1000 });
    await expect(attach('a')).rejects.toThrow(/slow failed at ADD: no answer within 1 s/);
    const child = Number(await readFile(join(bed.plugins, 'child'), 'utf8'));
    expect(await readFile(`/proc/${child}/stat`, 'utf8').catch(() => 'Z')).toMatch(/Z/);
  });

  it('is not well when a plugin says that it takes no pods', async () => {
    await bed.usePlugin('one', '');
    await bed.configure(list([{ type: 'one' }]));
    await bed.start({ podCidr: '10.9.0.0/24' });
    await bed.usePlugin('one', 'echo \'{"code":50,"msg":"no way out"}\'; exit 1');
    await expect(bed.network.probe()).rejects.toThrow('the CNI plugin one failed at STATUS: no way out (code 50)');
  });
});

describe('configurations of network-cni', () => {
  const refused = async (text: unknown, why: RegExp, more = {}): Promise<void> => {
    await bed.configure(text);
    await expect(bed.start(more)).rejects.toThrow(why);
  };

  it('are refused with what is wrong', async () => {
    const at = /^there is no CNI configuration in .*\/conf: /.source;
    await expect(bed.start()).rejects.toThrow(new RegExp(`${at}put a .conflist there$`));
    await refused('{', new RegExp(`${at}10-test.conflist: .*JSON`));
    await refused('7', new RegExp(`${at}10-test.conflist: `));
    await refused(list([]), /plugins names no plugin/);
    await refused(list([{ type: '../../bin/sh' }]), /plugins.0.type is not the name of a program/);
    await refused(list([{ type: 'a' }], { name: 'a b' }), /name has characters other than/);
    await refused(list([{ type: 'a' }], { cniVersion: '2.0.0' }), /cniVersion 2.0.0 is not one of 0.3.0 to 1.1.0/);
    await refused(list([{ type: 'a' }], { cniVersion: 'x' }), /cniVersion is not a version such as 1.0.0/);
    await refused(list([{ type: 'absent' }]), /absent is not in .*apt-get install containernetworking-plugins/);
    await refused(list([{ type: 'loopback' }]), /set podCidr of network-cni/);
    await refused(
      list([{ type: 'loopback' }]),
      /no CNI configuration called other .*: 10-test.conflist is called net/,
      { network: 'other' },
    );
    await refused('x'.repeat(1024 * 1024 + 1), /is larger than 1048576 bytes/);
  });

  it('are chosen by file name, or by name, in the best version that both sides know', async () => {
    const ipam = { type: 'host-local', ranges: [[{ subnet: 'fd00::/64' }], [{ subnet: '10.9.7.0/24' }]] };
    await bed.configure(
      list([{ type: 'loopback', ipam }], { cniVersion: '0.4.0', cniVersions: ['1.0.0', '9.9.9'] }),
      '20-b.conflist',
    );
    await bed.configure(
      { cniVersion: '0.3.1', name: 'single', type: 'loopback', ipam: { subnet: '10.9.8.0/24' } },
      '10-a.conf',
    );
    await bed.configure('{', '05-broken.conflist');
    await bed.start();
    expect((await bed.network.nodeNetwork()).podCidr).toBe('10.9.8.0/24');
    await bed.start({ network: 'net', nodeAddress: '192.0.2.7' });
    expect(await bed.network.nodeNetwork()).toEqual({ podCidr: '10.9.7.0/24', nodeAddress: '192.0.2.7' });
    await bed.usePlugin('loopback', gives('10.9.7.2/24'));
    await attach('a');
    expect(await lastInput('ADD')).toMatchObject({ cniVersion: '1.0.0' });
  });

  it('a damaged file of a pod is named, and not touched', async () => {
    await bed.usePlugin('one', gives('10.9.0.2/24'));
    await bed.configure(list([{ type: 'one' }]));
    await bed.start({ podCidr: '10.9.0.0/24' });
    await attach('a');
    const [file = ''] = await readdir(join(bed.directory, 'data/pods'));
    const path = join(bed.directory, 'data/pods', file);
    const text = await readFile(path, 'utf8');
    await writeFile(path, text.slice(1));
    await expect(bed.start({ podCidr: '10.9.0.0/24' })).rejects.toThrow(`${path} is damaged`);
    expect(await readFile(path, 'utf8')).toBe(text.slice(1));
    await writeFile(path, text);
    await chmod(path, 0o600);
  });
});
