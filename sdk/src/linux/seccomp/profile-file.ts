import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { errorCode } from '../../kernel/index.ts';
import { longestSeccompProfile } from './read.ts';

/**
 * The text of a profile of the node. Never waits: what is no plain file (a FIFO, a device) is refused. @throws Error saying why it cannot
 * be read
 */
export function readProfileFile(path: string): string {
  if (!path.startsWith('/')) throw new Error('the path is not absolute');
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') throw new Error('is not on this node: put the file there', { cause: error });
    throw error;
  }
  try {
    const status = fstatSync(fd);
    if (!status.isFile()) throw new Error('is not a plain file');
    if (status.size > longestSeccompProfile) throw new Error(`is longer than ${longestSeccompProfile} bytes`);
    return readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
  }
}
