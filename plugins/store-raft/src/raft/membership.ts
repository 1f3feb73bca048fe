import { invariant } from '@timonel/sdk';
import type { Configuration, MemberId, MembershipChange } from './types.ts';

export const emptyConfiguration: Configuration = { voters: [], outgoing: [], learners: [], addresses: {} };

export function isJoint(configuration: Configuration): boolean {
  return configuration.outgoing.length > 0;
}

/** Whether its vote counts, in either list. */
export function isVoter(configuration: Configuration, id: MemberId): boolean {
  return configuration.voters.includes(id) || configuration.outgoing.includes(id);
}

export function membersOf(configuration: Configuration): ReadonlySet<MemberId> {
  return new Set([...configuration.voters, ...configuration.outgoing, ...configuration.learners]);
}

/** @throws KernelError ERR_INVARIANT when it cannot be a configuration of a group */
export function checkConfiguration({ voters, outgoing, learners }: Configuration): void {
  invariant(voters.length > 0, 'a configuration has at least one voter');
  for (const list of [voters, outgoing, learners]) {
    invariant(new Set(list).size === list.length, 'a configuration names no member twice');
  }
  const voting = new Set([...voters, ...outgoing]);
  invariant(!learners.some((id) => voting.has(id)), 'no learner of a configuration is a voter too');
}

export type PlannedChange =
  | { readonly type: 'target'; readonly configuration: Configuration }
  | { readonly type: 'refused'; readonly reason: string };

/** What the configuration shall be after the change, or why it cannot be. */
export function planChange(current: Configuration, change: MembershipChange): PlannedChange {
  const { addLearners = [], promote = [], remove = [] } = change;
  const named = [...addLearners.map(({ id }) => id), ...promote, ...remove];
  if (named.length === 0) return refused('the change is empty');
  if (new Set(named).size < named.length) return refused('the change names a member twice');
  const members = membersOf(current);
  for (const { id } of addLearners) if (members.has(id)) return refused(`${id} is a member already`);
  for (const id of promote)
    if (!current.learners.includes(id)) return refused(`${id} is not a learner: add it as one first`);
  for (const id of remove) if (!members.has(id)) return refused(`${id} is not a member`);
  const voters = [...current.voters, ...promote].filter((id) => !remove.includes(id));
  if (voters.length === 0) return refused('no voter would be left');
  const learners = [...current.learners, ...addLearners.map(({ id }) => id)].filter(
    (id) => !promote.includes(id) && !remove.includes(id),
  );
  const addresses = { ...current.addresses };
  for (const { id, address } of addLearners) addresses[id] = address;
  return { type: 'target', configuration: withAddresses({ voters, outgoing: [], learners, addresses }) };
}

function refused(reason: string): PlannedChange {
  return { type: 'refused', reason };
}

/** The first entry of a change: joint when it changes who votes, the target itself when it does not (§6). */
export function firstStep(current: Configuration, target: Configuration): Configuration {
  if (sameMembers(current.voters, target.voters)) return target;
  const voting = new Set([...current.voters, ...target.voters]);
  return {
    voters: target.voters,
    outgoing: current.voters,
    learners: target.learners.filter((id) => !voting.has(id)),
    addresses: { ...current.addresses, ...target.addresses },
  };
}

/** The second entry of a change that was joint. */
export function leaveJoint(joint: Configuration): Configuration {
  return withAddresses({ ...joint, outgoing: [] });
}

function withAddresses(configuration: Configuration): Configuration {
  const members = membersOf(configuration);
  const addresses = Object.fromEntries(Object.entries(configuration.addresses).filter(([id]) => members.has(id)));
  return { ...configuration, addresses };
}

function sameMembers(a: readonly MemberId[], b: readonly MemberId[]): boolean {
  return a.length === b.length && a.every((id) => b.includes(id));
}
