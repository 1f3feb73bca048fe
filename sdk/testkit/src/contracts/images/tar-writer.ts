/** Tars byte by byte, so that tests can write what no tool would. */
import { createHash } from 'node:crypto';

export interface TarMember {
  readonly name: string;
  /** A ustar type flag: `0` file (default), `1` hard link, `2` symbolic link, `3` and `4` devices, `5` directory, `6` fifo. */
  readonly type?: '0' | '1' | '2' | '3' | '4' | '5' | '6' | 'S' | 'x' | 'g' | 'L' | 'K' | 'V';
  readonly content?: string | Uint8Array;
  readonly link?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Seconds since the epoch. */
  readonly mtime?: number;
  /** Major and minor number. */
  readonly device?: readonly [number, number];
  /** Claims another length than the content has. */
  readonly claimedBytes?: number;
}

/** Extended headers of pax, the content of a member of type `x` (of the next member) or `g` (of all). */
export function paxRecords(records: Readonly<Record<string, string | Uint8Array>>): Buffer {
  return Buffer.concat(
    Object.entries(records).map(([key, value]) => {
      const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from('\n')]);
      let length = rest.length;
      while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
      return Buffer.concat([Buffer.from(String(length)), rest]);
    }),
  );
}

/** A ustar archive with the end blocks. */
export function writeTar(members: readonly TarMember[]): Buffer {
  return Buffer.concat([...members.flatMap(blocksOf), Buffer.alloc(1024)]);
}

export function sha256Hex(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function blocksOf(member: TarMember): readonly Buffer[] {
  const content = Buffer.from(member.content ?? '');
  const header = Buffer.alloc(512);
  header.write(member.name, 0, 100);
  octal(header, member.mode ?? (member.type === '5' ? 0o755 : 0o644), 100, 8);
  octal(header, member.uid ?? 0, 108, 8);
  octal(header, member.gid ?? 0, 116, 8);
  octal(header, member.claimedBytes ?? content.length, 124, 12);
  octal(header, member.mtime ?? 1_700_000_000, 136, 12);
  header.fill(' ', 148, 156);
  header.write(member.type ?? '0', 156);
  header.write(member.link ?? '', 157, 100);
  header.write('ustar\x0000', 257);
  octal(header, member.device?.[0] ?? 0, 329, 8);
  octal(header, member.device?.[1] ?? 0, 337, 8);
  octal(
    header,
    header.reduce((sum, byte) => sum + byte, 0),
    148,
    8,
  );
  return [header, content, Buffer.alloc((512 - (content.length % 512)) % 512)];
}

function octal(header: Buffer, value: number, offset: number, length: number): void {
  header.write(`${value.toString(8).padStart(length - 1, '0')}\0`, offset, length, 'latin1');
}
