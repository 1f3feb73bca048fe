/** Leadership transfer (dissertation 3.10). */
import { send, type Core } from './core.ts';
import { isActive } from './roles.ts';
import type { MemberId } from './types.ts';

type TransferResult = { readonly type: 'started' } | { readonly type: 'refused'; readonly reason: string };

export function transferLeadership(core: Core, wanted: MemberId | undefined): TransferResult {
  if (core.role !== 'leader') return refused(`${core.id} is not the leader`);
  if (core.transfer !== undefined) return refused(`leadership is being handed to ${core.transfer.to}`);
  const to = wanted ?? bestVoter(core);
  if (to === undefined) return refused('no other voter answers');
  if (to === core.id) return refused(`${to} is the leader already`);
  if (!core.log.configuration.voters.includes(to)) return refused(`${to} is not a voter`);
  if (!isActive(core, to)) return refused(`${to} does not answer`);
  core.transfer = { to, elapsed: 0 };
  orderCampaign(core);
  return { type: 'started' };
}

function refused(reason: string): TransferResult {
  return { type: 'refused', reason };
}

function bestVoter(core: Core): MemberId | undefined {
  const candidates = [...core.progress.values()].filter(
    ({ id }) => core.log.configuration.voters.includes(id) && isActive(core, id),
  );
  return candidates.sort((a, b) => b.match - a.match)[0]?.id;
}

/** Once its log is complete. Said again at each heartbeat, for the order may be lost. */
export function orderCampaign(core: Core): void {
  if (core.transfer === undefined) return;
  const { to } = core.transfer;
  if (core.progress.get(to)?.match !== core.log.lastIndex) return;
  // The followers will vote although they hear this leader: no lease holds any more, however late the order arrives.
  core.leaseRevoked = true;
  send(core, { type: 'timeoutNow', to });
}

/** One tick of a leader that hands over: after an election timeout it goes on leading. */
export function tickTransfer(core: Core): void {
  if (core.transfer === undefined) return;
  core.transfer.elapsed++;
  if (core.transfer.elapsed >= core.settings.electionTicks) core.transfer = undefined;
}
