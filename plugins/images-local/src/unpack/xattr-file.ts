import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { ownerHere } from '@timonel/sdk/linux';
import { corrupt } from './corrupt.ts';
import type { EntryAttributes } from './layer-tree.ts';

/** Beside which nothing of an image may set attributes: those of overlayfs and of security modules would speak to the host. */
export function isKeptXattr(name: string): boolean {
  if (name === 'security.capability') return true;
  return name.startsWith('user.') && !name.startsWith('user.overlay.');
}

const maxXattrs = 64;
const maxXattrBytes = 64 * 1024;

/** @throws CorruptImage beyond the bounds (a file system takes less) */
export function keptXattrs(all: ReadonlyMap<string, Uint8Array>): ReadonlyMap<string, Uint8Array> {
  if (all.size === 0) return all;
  const kept = new Map([...all].filter(([name]) => isKeptXattr(name)));
  let bytes = 0;
  for (const [name, value] of kept) bytes += name.length + value.length;
  if (kept.size > maxXattrs || bytes > maxXattrBytes) {
    throw corrupt(
      `an entry has ${kept.size} extended attributes of ${bytes} bytes: at most ${maxXattrs} of ${maxXattrBytes} bytes are taken`,
    );
  }
  return kept;
}

/**
 * A file with extended attributes. Node cannot set them, GNU tar can: the file goes into a tar of its own, which tar(1) unpacks into an
 * empty directory beside the layer, under a name that is ours.
 */
export class XattrFile {
  readonly #directory: string;
  readonly #tarPath: string;
  readonly #descriptor: number;
  readonly #size: number;

  constructor(directory: string, attributes: EntryAttributes, xattrs: ReadonlyMap<string, Uint8Array>, size: number) {
    this.#directory = directory;
    this.#tarPath = `${directory}.tar`;
    this.#size = size;
    const owner = ownerHere(attributes);
    this.#descriptor = openSync(this.#tarPath, 'wx', 0o600);
    const pax = Buffer.concat([
      ...[...xattrs].map(([name, value]) => paxRecord(`SCHILY.xattr.${name}`, value)),
      paxRecord('uid', Buffer.from(String(owner.uid))),
      paxRecord('gid', Buffer.from(String(owner.gid))),
      paxRecord('mtime', Buffer.from(String(attributes.mtime))),
      paxRecord('size', Buffer.from(String(size))),
    ]);
    this.write(Buffer.concat([block('pax', 'x', pax.length, 0o600), pax, padding(pax.length)]));
    this.write(block('file', '0', Math.min(size, 0o77777777777), attributes.mode));
  }

  write(piece: Uint8Array): void {
    for (let at = 0; at < piece.length;) at += writeSync(this.#descriptor, piece, at);
  }

  /** Instead of {@link finish}. */
  drop(): void {
    closeSync(this.#descriptor);
  }

  /** Path of the finished file, and what tar(1) had to say; the attributes are missing where the file system takes none. */
  finish(): { readonly path: string; readonly warning: string } {
    this.write(Buffer.concat([padding(this.#size), Buffer.alloc(1024)]));
    closeSync(this.#descriptor);
    mkdirSync(this.#directory, { mode: 0o700 });
    const args = ['--extract', '--xattrs', '--xattrs-include=*', '--numeric-owner', '--preserve-permissions'];
    const asRoot = process.getuid?.() === 0;
    const result = spawnSync(
      'tar',
      [...args, asRoot ? '--same-owner' : '--no-same-owner', '--file', this.#tarPath, '--directory', this.#directory],
      { encoding: 'utf8', timeout: 60_000, env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C' } },
    );
    if (result.error !== undefined || result.status === null || result.status > 1) {
      const why = result.error?.message ?? result.stderr.trim().slice(0, 500);
      throw Object.assign(new Error(`tar(1), which sets extended attributes, failed: ${why}`), {
        syscall: 'spawn tar',
      });
    }
    rmSync(this.#tarPath);
    return { path: join(this.#directory, 'file'), warning: result.stderr.trim().slice(0, 500) };
  }

  /** Removes what is beside the layer. */
  static clean(directory: string): void {
    rmSync(directory, { recursive: true, force: true });
    rmSync(`${directory}.tar`, { force: true });
  }
}

function paxRecord(key: string, value: Uint8Array): Buffer {
  const rest = Buffer.byteLength(key) + value.length + 3;
  let length = rest + String(rest).length;
  if (String(length).length > String(rest).length) length = rest + String(length).length;
  return Buffer.concat([Buffer.from(`${length} ${key}=`), value, Buffer.from('\n')]);
}

function block(name: string, flag: string, size: number, mode: number): Buffer {
  const header = Buffer.alloc(512);
  const octal = (value: number, offset: number, length: number): void => {
    header.write(`${value.toString(8).padStart(length - 1, '0')}\0`, offset, 'latin1');
  };
  header.write(name, 0);
  octal(mode & 0o7777, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(0, 136, 12);
  header.fill(' ', 148, 156);
  header.write(flag, 156);
  header.write('ustar\x0000', 257, 'latin1');
  octal(
    header.reduce((sum, byte) => sum + byte, 0),
    148,
    8,
  );
  return header;
}

function padding(size: number): Buffer {
  return Buffer.alloc((512 - (size % 512)) % 512);
}
