/** `timonel store`: state, members, leadership, compaction and checks of the store of a running cluster. */
import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import type { MemberStatus, StoreCheck, StoreStatus } from '@timonel/sdk/contracts/store';
import { behind, findMember, roleOf, StoreAccess } from '../cluster/store-access.ts';
import { CliError, exitCodes } from '../errors.ts';
import { formatBytes, formatTable } from '../output/table.ts';
import { accessOf, print, withAccess, type AccessFlags } from './access.ts';

function storeOf(flags: AccessFlags): StoreAccess {
  return new StoreAccess(accessOf(flags));
}

function statusText(status: StoreStatus): string {
  const nameOf = (id: string): string => status.members.find((member) => member.id === id)?.name ?? id;
  const learners = status.members.filter(({ learner }) => learner).length;
  const voters = status.members.length - learners;
  return [
    ['Store', status.implementation],
    ['Answered by', nameOf(status.memberId)],
    [
      'Leader',
      status.leaderId === undefined ? 'none: there is no majority, or no leader yet' : nameOf(status.leaderId),
    ],
    ['Term', String(status.term)],
    ['Revision', String(status.revision)],
    ['Compacted', String(status.compactedRevision)],
    ['Applied', String(status.appliedIndex)],
    ['Members', `${voters} voting${learners === 0 ? '' : `, ${learners} learning`}`],
    ['Size', formatBytes(status.sizeBytes)],
  ]
    .map(([key, value]) => `${`${key}:`.padEnd(14)}${value}`)
    .join('\n');
}

function membersTable(members: readonly MemberStatus[]): string {
  return formatTable(
    ['ID', 'NAME', 'PEER', 'ROLE', 'REVISION', 'BEHIND', 'SIZE', 'ERROR'],
    members.map((member) => [
      member.id,
      member.name,
      member.peerUrls.join(',') || '-',
      roleOf(member),
      String(member.status?.revision ?? '-'),
      String(behind(member, members) ?? '-'),
      member.status === undefined ? '-' : formatBytes(member.status.sizeBytes),
      member.error ?? '',
    ]),
  );
}

function checkText({ healthy, revision, members }: StoreCheck): string {
  const table = formatTable(
    ['ID', 'NAME', 'KEYS', 'HASH', 'PROBLEMS'],
    members.map(({ memberId, name, hash, problems }) => [
      memberId,
      name,
      String(hash?.keys ?? '-'),
      hash?.hash.slice(0, 16) ?? '-',
      problems.join('; ') || 'none',
    ]),
  );
  const differ = new Set(members.flatMap(({ hash }) => (hash === undefined ? [] : [hash.hash]))).size > 1;
  const verdict = healthy ? 'healthy' : differ ? 'NOT healthy: members differ' : 'NOT healthy';
  return `${table}\n\n${verdict}, at revision ${revision}`;
}

async function check(flags: AccessFlags): Promise<void> {
  const result = await storeOf(flags).check();
  print(flags, result, () => checkText(result));
  if (!result.healthy) process.exitCode = exitCodes.failure;
}

/** @throws CliError usage */
export function parseRevision(text: string): number {
  const revision = /^[1-9]\d{0,14}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(revision)) return revision;
  throw new CliError(`${text} is not a revision: \`timonel store status\` shows the present one.`, exitCodes.usage);
}

async function confirmed(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) {
    throw new CliError('Nobody can be asked here whether it is meant: say --yes.', exitCodes.usage);
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}

interface RemoveFlags extends AccessFlags {
  readonly yes?: boolean;
}

async function remove(idOrName: string, flags: RemoveFlags): Promise<void> {
  const store = storeOf(flags);
  const member = findMember(await store.members(), idOrName);
  const { id, name } = member;
  if (
    flags.yes !== true &&
    !(await confirmed(`Remove the ${roleOf(member)} ${name} (${id}) from the store for good?`))
  ) {
    throw new CliError('Nothing was removed.');
  }
  await store.remove(id);
  print(
    flags,
    { id, name, removed: true },
    () => `member ${name} removed; its machine can join again only with an empty data directory`,
  );
}

async function promote(idOrName: string, flags: AccessFlags): Promise<void> {
  const store = storeOf(flags);
  const { id, name } = findMember(await store.members(), idOrName);
  await store.promote(id);
  print(flags, { id, name, promoted: true }, () => `member ${name} votes`);
}

async function moveLeader(idOrName: string | undefined, flags: AccessFlags): Promise<void> {
  const store = storeOf(flags);
  const members = await store.members();
  const wanted = idOrName === undefined ? undefined : findMember(members, idOrName).id;
  const { memberId } = await store.moveLeader(wanted);
  const name = members.find(({ id }) => id === memberId)?.name ?? memberId;
  print(flags, { memberId, name }, () => (memberId === undefined ? 'leadership was handed over' : `${name} leads`));
}

async function addLearner(id: string, name: string, peerUrl: string, flags: AccessFlags): Promise<void> {
  await storeOf(flags).addLearner({ id, name, peerUrl });
  print(
    flags,
    { id, name, peerUrl, learner: true },
    () =>
      `member ${name} added; it votes when it has caught up and is promoted (a server that joins does so by itself)`,
  );
}

export function addGroupCommands(store: Command): void {
  withAccess(store.command('status').description('The state of the store, as the answering server sees it'))
    .addHelpText('after', '\nExamples:\n  timonel store status\n  timonel store status -o json')
    .action(async (flags: AccessFlags) => {
      const status = await storeOf(flags).status();
      print(flags, status, () => statusText(status));
    });
  withAccess(store.command('members').description('The members of the store, and how far each is'))
    .addHelpText(
      'after',
      '\nBEHIND counts the entries of the log that a member has not got yet.\n\nExamples:\n  timonel store members\n  timonel store members -o json',
    )
    .action(async (flags: AccessFlags) => {
      const members = await storeOf(flags).members();
      const items = members.map((member) => ({ ...member, role: roleOf(member), behind: behind(member, members) }));
      print(flags, items, () => membersTable(members));
    });
  withAccess(
    store
      .command('add-learner <id> <name> <host:port>')
      .description('Add a member that receives the log and does not vote'),
  )
    .addHelpText(
      'after',
      '\n`timonel server --join` does this by itself.\n\nExample:\n  timonel store add-learner 0b6d1c5e s4 10.0.0.4:2380',
    )
    .action(addLearner);
  withAccess(store.command('promote <member>').description('Make a learner that has caught up a voter'))
    .addHelpText('after', '\nA member is named by its id or its name.\n\nExample:\n  timonel store promote s4')
    .action(promote);
  withAccess(store.command('remove <member>').description('Take a member out of the store for good'))
    .option('--yes', 'do not ask')
    .addHelpText(
      'after',
      '\nRefused when those that are left could not agree.\n\nExample:\n  timonel store remove s2 --yes',
    )
    .action(remove);
  withAccess(store.command('move-leader [member]').description('Hand leadership to another voter'))
    .addHelpText(
      'after',
      '\nWithout a member: to the one that is furthest.\n\nExamples:\n  timonel store move-leader\n  timonel store move-leader s2',
    )
    .action(moveLeader);
  withAccess(store.command('compact [revision]').description('Forget the history before a revision'))
    .addHelpText(
      'after',
      '\nWithout a revision: before the present one. The store does this by itself as time goes by.\n\nExample:\n  timonel store compact',
    )
    .action(async (revision: string | undefined, flags: AccessFlags) => {
      const done = await storeOf(flags).compact(revision === undefined ? undefined : parseRevision(revision));
      print(flags, done, () => `compacted: revisions before ${done.revision} are gone`);
    });
  withAccess(store.command('check').description('Read all data of all members, and compare them'))
    .addHelpText('after', '\nExits with 1 when something is wrong.\n\nExample:\n  timonel store check')
    .action(check);
}
