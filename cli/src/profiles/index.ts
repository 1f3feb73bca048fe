import { allInOneProcess } from './all-in-one-process.ts';
import { allInOne } from './all-in-one.ts';
import { fakeNodes } from './fake-nodes.ts';
import type { Profile } from './profile.ts';

/** Every profile that `timonel up --profile` takes. */
export const profiles: readonly Profile[] = [allInOne, allInOneProcess, fakeNodes];
