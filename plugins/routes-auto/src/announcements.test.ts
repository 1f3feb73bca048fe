import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Announcements } from './announcements.ts';
import type { NodeFacts } from './wanted-routes.ts';
import { loadKey, type NodeKey } from './wireguard-key.ts';

describe('keys of nodes', () => {
  let directory: string;
  let key: NodeKey;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'timonel-keys-'));
    key = await loadKey(join(directory, 'wireguard.key'));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  const node = (name: string, announcement: string): NodeFacts => ({
    name,
    ranges: [],
    addresses: { 4: '', 6: '' },
    announcement,
  });

  it('are those that are proven; of machines that were copied the older one has it', async () => {
    const announcements = new Announcements();
    const nodes = [
      node('old', key.announce('old', 51_820, false)),
      node('silent', ''),
      node('copy', key.announce('copy', 51_820, false)),
      node('thief', key.announce('old', 51_820, false)),
    ];
    for (let round = 0; round < 2; round++) {
      const { valid, refused } = await announcements.read(nodes);
      expect([...valid.keys()]).toEqual(['old']);
      expect(refused).toEqual([
        'nodes old and copy have the same key of WireGuard: remove the file wireguard.key of copy',
        'what node thief says of its WireGuard is not its own: it is left out',
      ]);
    }
    expect([...(await announcements.read(nodes.slice(1))).valid.keys()]).toEqual(['copy']);
    const other = await loadKey(join(directory, 'other.key'));
    const now = [nodes[0], node('copy', other.announce('copy', 7, true))].flatMap((each) => each ?? []);
    expect(await announcements.read(now)).toMatchObject({ refused: [] });
  });
});
