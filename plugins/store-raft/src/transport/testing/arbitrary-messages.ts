/** Raft messages of every type for property tests. */
import fc from 'fast-check';
import type { Configuration, Entry, Message, Proposal, ProposalId, SnapshotMeta } from '../../raft/index.ts';

export const ends = { from: 'member-a', to: 'member-b' } as const;

const count = fc.oneof(fc.nat(1000), fc.maxSafeNat());
const name = fc.string({ minLength: 1, maxLength: 40, unit: 'grapheme' });
const data = fc.uint8Array({ maxLength: 400 });
const id: fc.Arbitrary<ProposalId> = fc.record({ session: count, sequence: count, floor: count });

const configuration: fc.Arbitrary<Configuration> = fc
  .uniqueArray(name, { minLength: 1, maxLength: 9 })
  .chain((names) =>
    fc.record({
      names: fc.constant(names),
      voters: fc.integer({ min: 1, max: names.length }),
      outgoing: fc.nat(3),
      addresses: fc.dictionary(fc.oneof(name, fc.constant('__proto__')), name, { maxKeys: 5, noNullPrototype: true }),
    }),
  )
  .map(({ names, voters, outgoing, addresses }) => ({
    voters: names.slice(0, voters),
    outgoing: names.slice(0, Math.min(voters, outgoing)),
    learners: names.slice(voters),
    addresses,
  }));

const proposal: fc.Arbitrary<Proposal> = fc.oneof(
  fc.record({ type: fc.constant('command' as const), data }),
  fc.record({ type: fc.constant('command' as const), id, data }),
  fc.record({ type: fc.constant('register' as const), nonce: name }),
);

type Body = Omit<Entry, 'index' | 'term'> & Pick<Entry, 'type'>;
const body = fc.oneof(
  proposal,
  fc.record({ type: fc.constant('noop' as const) }),
  fc.record({ type: fc.constant('configuration' as const), configuration }),
) as fc.Arbitrary<Body>;

/** Three terms in a log of at most 10: growing, and none behind the sender's. */
const appendRequest: fc.Arbitrary<Message> = fc
  .record({
    bodies: fc.array(fc.tuple(body, fc.nat(2)), { maxLength: 12 }),
    prevIndex: fc.oneof(fc.nat(100), fc.constant(Number.MAX_SAFE_INTEGER - 12)),
    prevTerm: fc.oneof(fc.nat(100), fc.constant(Number.MAX_SAFE_INTEGER - 30)),
    commit: count,
    round: count,
  })
  .map(({ bodies, prevIndex, prevTerm, commit, round }) => {
    let term = prevTerm;
    const entries = bodies.map(([rest, step], at) => {
      term += step;
      return { ...rest, index: prevIndex + 1 + at, term } as Entry;
    });
    return { type: 'appendRequest', ...ends, term: term + 1, prevIndex, prevTerm, entries, commit, round };
  });

const snapshotRequest: fc.Arbitrary<Message> = fc
  .record({ data, rest: fc.nat(10), offset: fc.nat(1_000_000), index: count, term: count, id: name, configuration })
  .map(({ data, rest, offset, index, term, id, configuration }) => {
    const snapshot: SnapshotMeta = { index, term, id, configuration, sizeBytes: offset + data.length + rest };
    return { type: 'snapshotRequest', ...ends, term, snapshot, offset, data, last: rest === 0 };
  });

function plain<T extends object>(
  type: Message['type'],
  fields: { [K in keyof T]: fc.Arbitrary<T[K]> },
): fc.Arbitrary<Message> {
  return fc.record(fields).map((rest) => ({ type, ...ends, ...rest }) as unknown as Message);
}

/** One for each type of message. */
export const messages: Readonly<Record<Message['type'], fc.Arbitrary<Message>>> = {
  voteRequest: fc
    .record({ preVote: fc.boolean(), transfer: fc.boolean(), lastIndex: count, lastTerm: fc.nat(50), more: fc.nat(50) })
    .map(({ more, ...rest }) => ({ type: 'voteRequest', ...ends, term: rest.lastTerm + more, ...rest })),
  voteResponse: plain('voteResponse', { term: count, preVote: fc.boolean(), granted: fc.boolean() }),
  appendRequest,
  appendResponse: plain('appendResponse', {
    term: count,
    round: count,
    result: fc.oneof(
      fc.record({ type: fc.constant('accepted'), index: count }),
      fc.record({ type: fc.constant('rejected'), prevIndex: count, index: count, hintTerm: count }),
    ),
  }),
  heartbeatRequest: plain('heartbeatRequest', { term: count, commit: count, round: count }),
  heartbeatResponse: plain('heartbeatResponse', { term: count, round: count }),
  snapshotRequest,
  snapshotResponse: plain('snapshotResponse', { term: count, snapshotId: name, offset: count }),
  timeoutNow: plain('timeoutNow', { term: count }),
  forwardRequest: plain('forwardRequest', { term: count, proposals: fc.array(proposal, { maxLength: 8 }) }),
  forwardRefusal: plain('forwardRefusal', {
    term: count,
    proposals: fc.array(proposal, { maxLength: 8 }),
    reason: fc.constantFrom('noLeader', 'notLeader', 'transferring', 'busy', 'tooLarge'),
  }),
  readRequest: plain('readRequest', { term: count, context: count, mode: fc.constantFrom('quorum', 'lease') }),
  readResponse: plain('readResponse', { term: count, context: count, index: fc.option(count, { nil: undefined }) }),
};

export const message: fc.Arbitrary<Message> = fc.oneof(...Object.values(messages));
