/** Nodes with the WireGuard of their kernel. Short: it runs in a guest where this machine's kernel has none; the rest is in wireguard.test.ts. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Lan, wireguardMissing } from './testing/lan.ts';

jest.setTimeout(120_000);
const why = wireguardMissing('kernel');
const suite = why === undefined ? describe : describe.skip;

suite(`nodes with WireGuard of the kernel${why === undefined ? '' : ` (${why})`}`, () => {
  let directory: string;
  let lan: Lan;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'timonel-wg-'));
    lan = new Lan(2, directory, 'kernel');
    await lan.open();
  });
  afterAll(async () => {
    await lan.close();
    await rm(directory, { recursive: true, force: true });
  });

  it('reach each other through it, have another key, use VXLAN meanwhile where one has none, and leave nothing', async () => {
    const [n1, n2] = [lan.node(1), lan.node(2)];
    expect(await lan.settle()).toMatchObject([{ problems: [] }, { problems: [] }]);
    expect(await lan.unreached()).toEqual([]);
    expect(await n1.must(`ip -d -o link show dev ${n1.wireguardLink}`)).toMatch(/ mtu 1440 .* wireguard /);
    await n2.must('ip addr add 10.244.9.9/32 dev lo');
    expect(await n2.pings('10.244.9.9', n1.pod, 1)).toBe(false);
    await n2.newKey();
    await lan.settle();
    expect([await n1.kindTo(n2), await n1.reaches(n2)]).toEqual(['tw', true]);
    n2.restart({ tunnelKind: 'vxlan' });
    await lan.settle();
    expect([await n1.kindTo(n2), await n1.reaches(n2)]).toEqual(['tx', true]);
    for (const each of lan.nodes) {
      await each.removeAll();
      expect(await each.must('ip -o link')).not.toMatch(/: t[wx]/);
    }
  });
});
