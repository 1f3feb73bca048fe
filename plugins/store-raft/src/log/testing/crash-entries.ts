import type { Entry } from '../../raft/index.ts';
import { command } from './log-model.ts';

export const crashSegmentBytes: number = 32 * 1024;

/** Entries whose content follows from their index. */
export function crashEntries(firstIndex: number, count: number): readonly Entry[] {
  return Array.from({ length: count }, (_, at) => {
    const index = firstIndex + at;
    return command(index, 1, Buffer.alloc(50 + (index % 700), `entry ${index};`));
  });
}
