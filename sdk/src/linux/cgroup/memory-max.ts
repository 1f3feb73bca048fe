import { join } from 'node:path';
import { readGroupFile, readNumber, writeGroupFile } from './files.ts';

/**
 * Lowers `memory.max` without a kill: beyond that limit the kernel would end processes at once. `memory.high` makes it give back
 * what it can first; when more is in use then, all is as before.
 * @throws Error when more than the limit is in use, or `then` fails
 */
export function lowerMemoryMax(group: string, limitBytes: number, then: () => void): void {
  const [high, max] = [join(group, 'memory.high'), join(group, 'memory.max')];
  const before = { high: readGroupFile(high) ?? 'max', max: readGroupFile(max) ?? 'max' };
  writeGroupFile(high, String(limitBytes));
  try {
    const used = readNumber(join(group, 'memory.current'));
    if (used > limitBytes) throw new MemoryInUse(limitBytes, used);
    writeGroupFile(max, String(limitBytes));
    try {
      writeGroupFile(high, before.high);
      then();
    } catch (error) {
      writeGroupFile(max, before.max);
      throw error;
    }
  } catch (error) {
    writeGroupFile(high, before.high);
    throw error;
  }
}

export class MemoryInUse extends Error {
  constructor(limitBytes: number, usedBytes: number) {
    super(`a memory limit of ${limitBytes} bytes is below the ${usedBytes} bytes in use: free memory, or ask for more`);
  }
}
