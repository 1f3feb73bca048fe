/** Archives as the kernel takes them for its first root: "newc", as cpio(5) of the BSDs describes it. */
import { readFileSync } from 'node:fs';

export interface CpioEntry {
  readonly path: string;
  readonly mode: number;
  readonly content?: Buffer;
  /** Of a device node. */
  readonly device?: readonly [major: number, minor: number];
}

const [directoryType, fileType, characterType] = [0o040000, 0o100000, 0o020000];

export const directory = (path: string): CpioEntry => ({ path, mode: directoryType | 0o755 });
export const file = (path: string, from: string | Buffer, mode = 0o755): CpioEntry => ({
  path,
  mode: fileType | mode,
  content: typeof from === 'string' ? readFileSync(from) : from,
});
export const character = (path: string, major: number, minor: number): CpioEntry => ({
  path,
  mode: characterType | 0o600,
  device: [major, minor],
});

export function cpioArchive(entries: readonly CpioEntry[]): Buffer {
  const end: CpioEntry = { path: 'TRAILER!!!', mode: 0 };
  return Buffer.concat([...entries, end].map((entry, index) => record(entry, index + 1)));
}

function record({ path, mode, content = Buffer.alloc(0), device = [0, 0] }: CpioEntry, inode: number): Buffer {
  const name = Buffer.from(`${path}\0`);
  const fields = [inode, mode, 0, 0, 1, 0, content.length, 0, 0, ...device, name.length, 0];
  const header = `070701${fields.map((value) => value.toString(16).padStart(8, '0')).join('')}`;
  return Buffer.concat([padded(Buffer.concat([Buffer.from(header), name])), padded(content)]);
}

function padded(data: Buffer): Buffer {
  return Buffer.concat([data, Buffer.alloc((4 - (data.length % 4)) % 4)]);
}
