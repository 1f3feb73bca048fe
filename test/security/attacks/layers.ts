import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { paxRecords, type TarMember } from '../../../sdk/testkit/src/contracts/images/tar-writer.ts';
import type { Limits } from '../../../plugins/images-local/src/config.ts';
import { judge, stopped, through, type Attack, type Outcome } from '../attack.ts';
import { settings, type AttackBed } from '../bed.ts';
import { takeIn, type Layer } from '../layers.ts';

const area = 'Layers of images';
const mebibyte = 1024 ** 2;

/** Up to the root of the node, and down to its directory. */
const outside = (bed: AttackBed): string => `${'../'.repeat(24)}${bed.host.directory.slice(1)}`;

function changed(bed: AttackBed): Outcome | undefined {
  const strange = readdirSync(bed.host.directory).filter((name) => name !== 'mark');
  for (const name of strange) rmSync(join(bed.host.directory, name), { recursive: true });
  if (strange.length === 0 && bed.host.isMarkIntact()) return undefined;
  return through(`changed a directory of the node: ${strange.join(', ')}`);
}

/** Bytes below a directory, as they take the disk. */
function bytesOf(directory: string): number {
  const { stdout } = spawnSync('du', ['-sB1', directory], { encoding: 'utf8' });
  return Number.parseInt(stdout, 10);
}

/** Of all files of layers. */
function sumsOf(layers: readonly string[]): string {
  const sum = (cwd: string): string =>
    execFileSync('sh', ['-c', 'find . -type f -exec cksum {} + | sort'], { cwd, encoding: 'utf8' });
  return layers.map(sum).join('');
}

/** All of these must be refused, and leave nothing of the node changed, nor of themselves. */
async function refused(bed: AttackBed, layers: readonly Layer[], limits: Partial<Limits> = {}): Promise<Outcome> {
  for (const layer of layers) {
    const { image, refusal, store } = await takeIn(bed, [layer], limits);
    const harm = changed(bed);
    if (harm !== undefined) return harm;
    if (image !== undefined) return through('it was taken in');
    if (bytesOf(store) > mebibyte) return through(`left ${bytesOf(store)} bytes: ${refusal}`);
  }
  return stopped(layers.length === 1 ? 'refused' : `${layers.length} refused`);
}

const link = (name: string, target: string): TarMember => ({ name, type: '2', link: target });
const hardLink = (name: string, target: string): TarMember => ({ name, type: '1', link: target });
const directory = (name: string): TarMember => ({ name: `${name}/`, type: '5' });
const file = (name: string): TarMember => ({ name, content: 'planted' });
const pax = (records: Readonly<Record<string, string | Uint8Array>>): TarMember => ({
  name: 'pax',
  type: 'x',
  content: paxRecords(records),
});
const long = (type: 'L' | 'K', text: string): TarMember => ({ name: 'long', type, content: `${text}\0` });

function leadingOut(up: string): readonly TarMember[][] {
  return [
    [long('L', `${up}/planted`), file('x')],
    [pax({ path: `/${up.replaceAll('../', '')}/planted` }), file('x')],
    [long('K', up), link('d', 'x'), file('d/planted')],
    [long('K', up), link('d', 'x'), link('e', 'd'), file('e/planted')],
    [directory('d'), file('d/in'), long('K', up), link('d', 'x'), file('d/planted')],
    [long('K', up), link('l', 'x'), hardLink('h', 'l'), file('h/planted')],
    [long('K', `${up}/mark`), hardLink('h', 'x')],
    [long('K', up), link('d', 'x'), hardLink('h', 'd/mark')],
    [long('K', up), link('d', 'x'), { name: 'd/.wh.mark' }],
    [long('K', up), link('d', 'x'), { name: 'd/.wh..wh..opq' }],
    [{ name: '.wh...' }],
    [long('K', up), link('.', 'x'), file('planted')],
  ];
}

/** CAP_MKNOD, permitted and effective, as a file has it. */
const mayMakeDevices = Buffer.from('0100000200000008000000000000000000000000', 'hex');

export const layerAttacks: readonly Attack[] = [
  {
    name: 'entries that lead out of the layer',
    area,
    what: 'names with `..` and from the root, entries and whiteouts through links and links to links, hard links to the outside, a directory that becomes a link: is anything of the node made, changed or removed?',
    protection: 'names are taken apart; no write goes through a link',
    ofNode: true,
    run: (bed) => refused(bed, leadingOut(outside(bed))),
  },
  {
    name: 'a layer that puts a link in the place of a directory, and one that writes through it',
    area,
    what: 'and one that has a directory of that name implied: does it land in the directory of the node, or is anything read there?',
    protection: 'each layer is unpacked by itself; of lower layers nothing is looked at through links',
    ofNode: true,
    async run(bed) {
      const { image, refusal } = await takeIn(bed, [
        [directory('d'), file('d/in')],
        [long('K', outside(bed)), link('d', 'x')],
        [file('d/planted'), file('d/sub/planted')],
      ]);
      const harm = changed(bed);
      if (harm !== undefined) return harm;
      if (image === undefined) return stopped(refusal);
      const { output } = await bed.run(['sh', '-c', 'cat /d/planted; cat /d/mark'], { image });
      return output.includes(bed.host.secret) ? through('read a file of the node') : stopped('stays in its own layer');
    },
  },
  {
    name: 'devices in a layer',
    area,
    what: 'nodes of the disk, of memory and of FUSE, a FIFO, and a whiteout that is written as the kernel has it: what can a container open?',
    protection: 'devices are left out, and the devices control group',
    ofNode: true,
    async run(bed) {
      const device = (name: string, type: '3' | '4', major: number, minor: number): TarMember => ({
        name,
        type,
        mode: 0o666,
        device: [major, minor],
      });
      const { image } = await takeIn(bed, [
        [
          device('disk', '4', 8, 0),
          device('loop', '4', 7, 0),
          device('mem', '3', 1, 1),
          device('fuse', '3', 10, 229),
          { name: 'bin', type: '3', device: [0, 0] },
        ],
      ]);
      if (image === undefined) return stopped('refused');
      const names = ['/disk', '/loop', '/mem', '/fuse'];
      return judge(
        await bed.attempt(
          names.map((name) => ['read', name]),
          { image },
        ),
      );
    },
  },
  {
    name: 'a set-user-ID program in a layer, for users of the node',
    area,
    what: 'an ordinary user of the node runs it by its path in the store: does he become root?',
    protection: 'the store is closed to others',
    ofNode: true,
    async run(bed) {
      const content = readFileSync(join(bed.root, 'bin/attacker'));
      const { image } = await takeIn(bed, [[{ name: 'suid', content, mode: 0o4755 }]]);
      const path = join(image?.layers[0] ?? '', 'suid');
      const { error, stdout } = spawnSync(path, ['identity'], { uid: 65_534, gid: 65_534, encoding: 'utf8' });
      return error === undefined ? judge(stdout) : stopped((error as NodeJS.ErrnoException).code ?? error.message);
    },
  },
  {
    name: 'a program with file capabilities in a layer',
    area,
    what: 'CAP_MKNOD for user 1234, with allowPrivilegeEscalation: false, and with true and all capabilities dropped: does it make a device?',
    protection: 'no_new_privs; bounding set',
    ofNode: true,
    async run(bed) {
      const content = readFileSync(join(bed.root, 'bin/attacker'));
      const { image, refusal } = await takeIn(bed, [
        [pax({ 'SCHILY.xattr.security.capability': mayMakeDevices }), { name: 'capable', content, mode: 0o755 }],
      ]);
      if (image === undefined) return through(`not tried: ${refusal}`);
      const command = ['sh', '-c', '/capable device c 1 3 /dev/shm/d || true'];
      const held = await bed.run(command, { image, user: '1234' });
      const dropped = await bed.run(command, {
        image,
        user: '1234',
        ...settings({ noNewPrivileges: false, dropCapabilities: ['ALL'] }),
      });
      return judge(`${held.output}\n${dropped.output}`);
    },
  },
  {
    name: 'attributes that overlayfs would heed',
    area,
    what: 'trusted.overlay and user.overlay attributes (redirect, opaque, metacopy) on files and directories of a layer: are any on the disk?',
    protection: 'of attributes only file capabilities and those of users are kept',
    ofNode: true,
    async run(bed) {
      const names = ['redirect', 'opaque', 'metacopy', 'origin'].flatMap((name) => [
        `trusted.overlay.${name}`,
        `user.overlay.${name}`,
      ]);
      const records = Object.fromEntries(names.map((name) => [`SCHILY.xattr.${name}`, '/etc']));
      const { image, refusal } = await takeIn(bed, [
        [
          pax(records),
          directory('d'),
          pax(records),
          file('d/f'),
          pax({ ...records, 'SCHILY.xattr.user.note': 'kept' }),
          file('d/g'),
        ],
      ]);
      if (image === undefined) return stopped(refusal);
      const words = ['--xattrs', '--xattrs-include=*', '--format=pax', '-cC', image.layers[0] ?? '', '.'];
      const { stdout } = spawnSync('tar', words, { encoding: 'latin1' });
      if (!stdout.includes('SCHILY.xattr.user.note')) return through('not known: tar tells of no attributes');
      const kept = stdout.match(/SCHILY\.xattr\.[a-z]+\.overlay[\w.]*/);
      return kept === null ? stopped('none') : through(kept[0]);
    },
  },
  {
    name: 'a decompression bomb',
    area,
    what: '96 MiB of zeros in 0.1 MiB, where a layer may have 16 MiB: is it refused, and anything left?',
    protection: 'bytes are counted as they are unpacked',
    ofNode: true,
    run: (bed) =>
      refused(bed, [[{ name: 'bomb', content: Buffer.alloc(96 * mebibyte) }]], { maxLayerBytes: 16 * mebibyte }),
  },
  {
    name: 'files that claim to be large',
    area,
    what: 'sparse files of 10 GB by GNU and pax headers, and a header of 10 GB without the bytes',
    protection: 'sparse files are refused; a layer that ends early is too',
    ofNode: true,
    run: (bed) =>
      refused(bed, [
        [{ name: 'holes', type: 'S', claimedBytes: 512 }],
        [
          pax({ 'GNU.sparse.major': '1', 'GNU.sparse.realsize': '10737418240', 'GNU.sparse.name': 'holes' }),
          file('GNUSparseFile.0/holes'),
        ],
        [pax({ size: '10737418240' }), file('short')],
        [{ name: 'short', claimedBytes: 8 ** 11 - 1 }],
      ]),
  },
  {
    name: 'more and longer names than a node can bear',
    area,
    what: '20,000 entries where 10,000 may be, a path of 6,000 bytes, a name of 300, a header without end, 100,000 attributes of one file',
    protection: 'bounds on entries, names and headers',
    ofNode: true,
    run: (bed) =>
      refused(
        bed,
        [
          Array.from({ length: 20_000 }, (_, i) => file(`f${i}`)),
          [long('L', 'x/'.repeat(3000)), file('x')],
          [long('L', 'x'.repeat(300)), file('x')],
          [{ name: 'h', type: 'x', claimedBytes: 8 ** 11 - 1 }],
          [
            pax(Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`SCHILY.xattr.user.a${i}`, 'x']))),
            file('x'),
          ],
        ],
        { maxLayerEntries: 10_000 },
      ),
  },
  {
    name: 'write to the files of an image that others use',
    area,
    what: 'a container overwrites and removes all that its image has, without end, while two pods begin with the same layers: is one file of the layers, or of the others, another one?',
    protection: 'layers are the lower directories of an overlay, which only copies are written of',
    async run(bed) {
      const image = bed.image((layer) => {
        for (let i = 0; i < 50; i += 1) writeFileSync(join(layer, `file${i}`), 'kept\n');
      });
      const before = sumsOf(image.layers);
      const overwrite = 'for f in /file* /etc/* /bin/attacker-of-root; do echo evil > $f; chmod 777 $f; done';
      const script = `echo begun; while :; do ${overwrite}; rm -rf /file1* /etc/group; done`;
      const id = await bed.start(['sh', '-c', script], { image });
      await bed.printed(id, 'begun');
      const look = ['sh', '-c', 'cat /file1 /file20 /etc/passwd'];
      const others = await Promise.all([0, 1].map(() => bed.run(look, { image })));
      await bed.runtime.stopContainer(id, 0);
      if (sumsOf(image.layers) !== before) return through('the layers are others');
      const whole = others.every(({ output }) => output.startsWith('kept\nkept\nroot:') && !output.includes('evil'));
      return whole ? stopped('copies of its own') : through('another container saw it');
    },
  },
];
