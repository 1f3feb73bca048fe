import { corrupt } from './corrupt.ts';

export type TarType =
  | 'file'
  | 'link'
  | 'symlink'
  | 'character-device'
  | 'block-device'
  | 'directory'
  | 'fifo'
  | 'sparse'
  | 'unknown';

/** An entry of a tar as its header blocks (also those of pax and GNU before it) describe it. */
export interface TarHeader {
  readonly name: string;
  readonly type: TarType;
  readonly size: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since the epoch, with fraction. */
  readonly mtime: number;
  readonly linkname: string;
  readonly xattrs: ReadonlyMap<string, Uint8Array>;
}

const types: Readonly<Record<string, TarType>> = {
  '0': 'file',
  '\0': 'file',
  '1': 'link',
  '2': 'symlink',
  '3': 'character-device',
  '4': 'block-device',
  '5': 'directory',
  '6': 'fifo',
  '7': 'file',
  S: 'sparse',
};

/** The plain block: sizes and names as they stand there. */
export interface RawHeader extends TarHeader {
  readonly flag: string;
}

/** Undefined: a block of zeros. @throws CorruptImage */
export function readBlock(block: Buffer): RawHeader | undefined {
  const sum = number(block, 148, 8);
  let found = 8 * 32;
  for (let i = 0; i < 512; i++) if (i < 148 || i >= 156) found += block[i] ?? 0;
  if (found === 256) return undefined;
  if (sum !== found) throw corrupt('a header has a wrong checksum: this is not a tar, or it is damaged');
  const flag = String.fromCharCode(block[156] ?? 0);
  // Only the ustar form of POSIX has a prefix; that of GNU holds times there.
  const prefix = block.toString('latin1', 257, 263) === 'ustar\0' ? text(block, 345, 155) : '';
  const name = text(block, 0, 100);
  return {
    flag,
    name: prefix === '' ? name : `${prefix}/${name}`,
    type: typeOf(flag, name),
    size: number(block, 124, 12),
    mode: number(block, 100, 8) & 0o7777,
    uid: number(block, 108, 8),
    gid: number(block, 116, 8),
    mtime: number(block, 136, 12, true),
    linkname: text(block, 157, 100),
    xattrs: new Map(),
  };
}

export type PaxRecords = ReadonlyMap<string, Buffer>;

/** `length key=value\n`, with binary values. @throws CorruptImage */
export function readPax(data: Buffer, maxRecords: number): PaxRecords {
  const records = new Map<string, Buffer>();
  let at = 0;
  while (at < data.length) {
    const space = data.indexOf(0x20, at);
    const length = space < 0 || space - at > 10 ? Number.NaN : Number(data.toString('latin1', at, space));
    const end = at + length;
    const equals = data.indexOf(0x3d, space);
    if (!Number.isInteger(length) || end > data.length || equals < 0 || equals >= end || data[end - 1] !== 0x0a) {
      throw corrupt('an extended header is damaged');
    }
    records.set(data.toString('utf8', space + 1, equals), data.subarray(equals + 1, end - 1));
    if (records.size > maxRecords) throw corrupt(`an extended header has more than ${maxRecords} records`);
    at = end;
  }
  return records;
}

const xattrPrefix = 'SCHILY.xattr.';

/** What extended headers say in place of the plain one. @throws CorruptImage */
export function applyPax(header: TarHeader, pax: PaxRecords): TarHeader {
  if (pax.size === 0) return header;
  const value = (key: string): string | undefined => {
    const found = pax.get(key)?.toString('utf8');
    return found === '' ? undefined : found;
  };
  const whole = (key: string, otherwise: number): number => {
    const found = value(key);
    if (found === undefined) return otherwise;
    if (!/^\d{1,15}$/.test(found))
      throw corrupt(`an extended header gives ${JSON.stringify(found.slice(0, 40))} as ${key}`);
    return Number(found);
  };
  const time = Number(value('mtime') ?? Number.NaN);
  const xattrs = new Map<string, Uint8Array>();
  let sparse = false;
  for (const [key, bytes] of pax) {
    if (key.startsWith(xattrPrefix)) xattrs.set(key.slice(xattrPrefix.length), bytes);
    sparse ||= key.startsWith('GNU.sparse.');
  }
  const name = value('path') ?? header.name;
  return {
    name,
    type: sparse ? 'sparse' : header.type === 'file' && name.endsWith('/') ? 'directory' : header.type,
    size: whole('size', header.size),
    mode: header.mode,
    uid: whole('uid', header.uid),
    gid: whole('gid', header.gid),
    mtime: Number.isFinite(time) ? time : header.mtime,
    linkname: value('linkpath') ?? header.linkname,
    xattrs,
  };
}

// Old tars mark a directory by the slash at the end alone.
function typeOf(flag: string, name: string): TarType {
  const type = types[flag] ?? 'unknown';
  return type === 'file' && name.endsWith('/') ? 'directory' : type;
}

function text(block: Buffer, offset: number, length: number): string {
  const end = block.indexOf(0, offset);
  return block.toString('utf8', offset, end < 0 || end > offset + length ? offset + length : end);
}

/** Octal digits, or the binary form of GNU for what they cannot hold. */
function number(block: Buffer, offset: number, length: number, signed = false): number {
  const head = block[offset] ?? 0;
  if (head === 0xff && signed) return 0;
  if (head === 0x80) {
    let value = 0;
    for (let i = offset + 1; i < offset + length; i++) value = value * 256 + (block[i] ?? 0);
    if (!Number.isSafeInteger(value)) throw corrupt('a header holds a number that is too large');
    return value;
  }
  const digits = block
    .toString('latin1', offset, offset + length)
    .replaceAll('\0', ' ')
    .trim();
  if (digits === '') return 0;
  if (!/^[0-7]+$/.test(digits)) throw corrupt('a header holds something that is not a number: it is damaged');
  return Number.parseInt(digits, 8);
}
