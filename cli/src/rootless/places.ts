import { lstatSync, mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { instanceId } from '../cluster/data-dir.ts';
import { CliError } from '../errors.ts';

/** sun_path of a unix socket, less the name in the directory. */
const longest = 90;

/** Of this user alone, with a path that is short enough for sockets. */
export function socketDirectory(dataDir: string): string {
  const name = `timonel-${process.getuid?.() ?? 0}-${instanceId(dataDir)}`;
  const runtime = process.env['XDG_RUNTIME_DIR'] ?? '';
  const places = [join(runtime === '' ? tmpdir() : runtime, name), join('/tmp', name)];
  const directory = places.find((place) => Buffer.byteLength(place) <= longest) ?? '';
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const { uid, mode } = lstatSync(directory);
  if (uid === process.getuid?.() && (mode & 0o170_077) === 0o040_000) return directory;
  throw new CliError(`${directory} is not a directory of this user alone: remove it.`);
}

/** For a moment. */
export function temporaryDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'timonel-'));
}
