import type { Core } from './core.ts';
import { isAlone, mayCampaign, preCampaign } from './election.ts';
import { tickLeader } from './leader.ts';

/** More ticks at once than this change nothing more. */
const atOnceTimeouts = 4;

/** Lets time pass: the only thing that does. */
export function tick(core: Core, count: number): void {
  let left = Math.min(count, atOnceTimeouts * core.settings.electionTicks);
  // What is cut off still ends leases and promises.
  core.now += Math.max(0, count - left);
  while (left-- > 0) {
    core.now++;
    if (core.role === 'leader') {
      tickLeader(core);
      continue;
    }
    core.electionElapsed++;
    // One that is alone has nobody to wait for, but its own disk.
    if (isAlone(core) ? core.role !== 'follower' : core.electionElapsed < core.electionTimeout) continue;
    if (!mayCampaign(core)) continue;
    preCampaign(core);
    // One election for one call: its messages have not even been sent.
    return;
  }
}
