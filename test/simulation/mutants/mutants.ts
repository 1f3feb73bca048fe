/** A bug to be found: exact replacements in a copy of the sources. Each has to fit exactly once, else the mutant is out of date. */
export interface Mutant {
  readonly name: string;
  /** What it breaks; slowness alone is no proof of a bug that breaks safety. */
  readonly breaks: 'safety' | 'liveness';
  readonly patches: readonly { readonly file: string; readonly find: string; readonly replace: string }[];
}

const raft = 'plugins/store-raft/src/raft';
const cluster = 'test/simulation/cluster';

function mutant(name: string, file: string, find: string, replace: string): Mutant {
  return { name, breaks: 'safety', patches: [{ file, find, replace }] };
}

// The check of the quorum makes a deposed leader step down in time, so that a broken lease alone shows only after a pause.
const noCheckQuorum = {
  file: `${raft}/leader.ts`,
  find: 'if (!hasActiveQuorum(core)) {',
  replace: 'if (core.now < 0) {',
};

function withoutCheckQuorum(each: Mutant): Mutant {
  return { ...each, patches: [...each.patches, noCheckQuorum] };
}

/** Bugs of the Raft core. */
const coreMutants: readonly Mutant[] = [
  mutant(
    'commit of an older term by counting',
    `${raft}/leader.ts`,
    'if (agreed <= log.commit || log.term(agreed) !== core.term) return;',
    'if (agreed <= log.commit) return;',
  ),
  mutant(
    'vote before it is durable',
    `${raft}/election.ts`,
    "sendWhenDurable(core, { type: 'voteResponse', to: from, preVote, granted });",
    "send(core, { type: 'voteResponse', to: from, preVote, granted });",
  ),
  mutant(
    'append acknowledged before it is durable',
    `${raft}/follower.ts`,
    "sendWhenDurable(core, { type: 'appendResponse', to, round, result: { type: 'accepted', index } });",
    "send(core, { type: 'appendResponse', to, round, result: { type: 'accepted', index } });",
  ),
  mutant(
    'leader counts itself before its disk has the entry',
    `${raft}/leader.ts`,
    'id === core.id ? log.persisted :',
    'id === core.id ? log.lastIndex :',
  ),
  mutant(
    'vote given twice after a restart',
    `${raft}/node.ts`,
    'votedFor: stored.hardState.votedFor,',
    'votedFor: undefined,',
  ),
  mutant(
    'vote for a log that is behind',
    `${raft}/election.ts`,
    'const granted = may && core.log.isUpToDate(message.lastIndex, message.lastTerm);',
    'const granted = may;',
  ),
  withoutCheckQuorum(
    mutant(
      'stale read from a deposed leader',
      `${raft}/read-index.ts`,
      "if (read.mode === 'lease' && index !== undefined && leaseHolds(core)) answer(core, read, index);",
      'if (index !== undefined) answer(core, read, index);',
    ),
  ),
  withoutCheckQuorum(
    mutant(
      'lease without an end',
      `${raft}/read-index.ts`,
      "return core.role === 'leader' && !core.leaseRevoked && core.now < core.leaseUntil;",
      "return core.role === 'leader' && !core.leaseRevoked && core.leaseUntil > 0;",
    ),
  ),
  mutant(
    'read before the new leader knows what is committed',
    `${raft}/read-index.ts`,
    'const index = hasCommittedInTerm(core) ? core.log.commit : undefined;',
    'const index = core.log.commit;',
  ),
  mutant(
    'conflicting entries not removed',
    `${raft}/follower.ts`,
    'entries.findIndex((entry) => !log.matches(entry.index, entry.term));',
    'entries.findIndex((entry) => entry.index > log.lastIndex);',
  ),
  mutant(
    'append without a look at the term before it',
    `${raft}/follower.ts`,
    'if (!log.matches(prevIndex, prevTerm)) {',
    'if (log.term(prevIndex) === undefined) {',
  ),
  mutant(
    'append accepted from an older term',
    `${raft}/step.ts`,
    'if (message.term < core.term) {',
    "if (message.term < core.term && message.type === 'appendRequest') message = { ...message, term: core.term };\n  if (message.term < core.term) {",
  ),
  mutant(
    'quorum counted without the old configuration',
    `${raft}/quorum.ts`,
    'return Math.min(incoming, majorityValue(configuration.outgoing, valueOf));',
    'return incoming;',
  ),
  mutant(
    'election won without the old configuration',
    `${raft}/quorum.ts`,
    'const outgoing = majorityVote(configuration.outgoing, votes);',
    "const outgoing: VoteResult = 'won';",
  ),
  mutant(
    'commit told of entries that the follower may not have',
    `${raft}/read-index.ts`,
    'const commit = Math.min(core.log.commit, progress.match);',
    'const commit = core.log.commit;',
  ),
  mutant(
    'late copy of an answered request applied again',
    `${raft}/sessions.ts`,
    "if (id.sequence < session.floor) return { type: 'stale' };",
    '',
  ),
];

/** Bugs of a driver. */
const driverMutants: readonly Mutant[] = [
  mutant(
    'missing fsync',
    `${cluster}/storage.ts`,
    'this.disk.sync(this.#logFile, done);',
    "this.disk.sync('another file', done);",
  ),
  mutant(
    'torn record not noticed',
    `${cluster}/storage.ts`,
    'return bad === -1 ? records.length : bad;',
    'return bad === -2 ? bad : records.length;',
  ),
  mutant(
    'snapshot installed before earlier writes are durable',
    `${cluster}/log-writer.ts`,
    'this.#whenDurable = run;',
    'this.#held = true;\n    return run();',
  ),
  mutant(
    'watch events lost at a snapshot',
    `${cluster}/kv-machine.ts`,
    'machine.#changes = [...snapshot.changes];',
    'machine.#changes = [];',
  ),
  mutant(
    'watch begins one revision late',
    `${cluster}/watch-hub.ts`,
    'next: range.startRevision, count: 0',
    'next: range.startRevision + 1, count: 0',
  ),
  mutant(
    'bookmark one revision ahead',
    `${cluster}/watch-hub.ts`,
    "{ type: 'progress', revision: machine.revision }",
    "{ type: 'progress', revision: machine.revision + 1 }",
  ),
  mutant(
    'dedupe table not restored from a snapshot',
    `${cluster}/kv-machine.ts`,
    'new SessionTable(sessionLimits, snapshot.sessions);',
    'new SessionTable(sessionLimits, snapshot.sessions.map(([id, floor, used]) => [id, floor, used, []]));',
  ),
  mutant(
    'read does not wait for the read index',
    `${cluster}/requests.ts`,
    'if (read.index === undefined || read.index > this.#process.appliedIndex) continue;',
    'if (read.index === undefined) continue;',
  ),
  mutant(
    'entries written for a log that a snapshot replaced',
    `${cluster}/storage.ts`,
    'return this.#beginLog(base, [], done);',
    'return this.#beginLog(base, this.#entries.slice(0, 1).map((entry) => ({ ...entry, index: base.index + 1 })), done);',
  ),
];

const leases = `${cluster}/leases.ts`;

/** Bugs in how a driver counts the time of store leases. */
const leaseMutants: readonly Mutant[] = [
  mutant(
    'lease counted by the wall clock',
    leases,
    'return this.#member.clock.monotonic();',
    'return this.#member.clock.wall();',
  ),
  withoutCheckQuorum(
    mutant(
      'lease kept alive by a deposed leader',
      `${cluster}/requests.ts`,
      'this.#ask(asker, mode, () => {',
      '((_asker: unknown, _mode: unknown, answer: () => void) => answer())(asker, mode, () => {',
    ),
  ),
  {
    name: 'leader goes on with the lease times of its last term',
    breaks: 'safety',
    patches: [
      { file: leases, find: '      this.#deadlines.clear();\n', replace: '' },
      {
        file: leases,
        find: 'term === undefined || term !== this.#term) return;',
        replace: 'term === undefined) return;',
      },
      { file: leases, find: 'this.#end(id, term);', replace: 'this.#end(id, this.#term ?? term);' },
    ],
  },
  mutant(
    'lease ended by the order of a former leader',
    `${cluster}/kv-machine.ts`,
    'return operation.term === term ? this.#endLease(operation.leaseId) : { events: [] };',
    'return this.#endLease(operation.leaseId);',
  ),
];

/** Bugs that lose no data, but after which a group, or a member, comes to a stop or gets no rest. */
const livenessMutants: readonly Mutant[] = [
  mutant(
    'member left out by a change that is not committed does not stand',
    `${raft}/election.ts`,
    'return log.configurationIndex <= log.commit || !isVoter(log.previousConfiguration, id);',
    'return true;',
  ),
  mutant(
    'snapshot that was whole on disk at a restart never installed',
    `${raft}/node.ts`,
    'if (received === undefined || received.offset >= received.snapshot.sizeBytes) return undefined;',
    'if (received === undefined) return undefined;',
  ),
  mutant(
    'follower whose snapshot fell behind the log gets no newer one',
    `${raft}/replication.ts`,
    'else if (stream?.meta !== undefined && progress.match >= stream.meta.index) progress.becomeSnapshot();',
    'else if (stream === undefined) progress.becomeSnapshot();',
  ),
  {
    name: 'removed member deposes the leader',
    breaks: 'liveness',
    patches: [
      { file: `${raft}/tick.ts`, find: '    preCampaign(core);', replace: '    campaign(core, false);' },
      { file: `${raft}/tick.ts`, find: 'mayCampaign, preCampaign }', replace: 'mayCampaign, campaign }' },
      { file: `${raft}/step.ts`, find: 'if (!message.transfer && leaderStands(core)) return false;', replace: '' },
    ],
  },
];

export const mutants: readonly Mutant[] = [
  ...coreMutants,
  ...driverMutants,
  ...leaseMutants,
  ...livenessMutants.map((each) => ({ ...each, breaks: 'liveness' as const })),
];
