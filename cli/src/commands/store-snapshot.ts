/** `timonel store snapshot`: copies of the store, made from a running cluster and restored into a data directory. */
import { resolve } from 'node:path';
import { Option, type Command } from 'commander';
import { formatPlace } from '../cluster/addresses.ts';
import { defaultDataDir } from '../cluster/data-dir.ts';
import { listenDefault, peerPortDefault, type ServerPlanFlags } from '../cluster/server-plan.ts';
import { examineSnapshotFile, saveSnapshotFile, type SnapshotVerdict } from '../cluster/snapshot-file.ts';
import { StoreAccess } from '../cluster/store-access.ts';
import { restoreStore, type RestoreOutcome, type StoreRole } from '../cluster/store-restore.ts';
import { CliError, exitCodes } from '../errors.ts';
import { formatBytes, formatTable } from '../output/table.ts';
import { accessOf, print, withAccess, type AccessFlags } from './access.ts';

const quietMs = 2000;
const progressPeriodMs = 1000;

/** Tells on standard error how much has come, when it takes long. */
function progress(): { told(bytes: number): void; done(): void } {
  const { isTTY } = process.stderr;
  let next = performance.now() + quietMs;
  let shown = false;
  return {
    told(bytes) {
      if (performance.now() < next) return;
      next = performance.now() + progressPeriodMs;
      shown = true;
      process.stderr.write(isTTY ? `\r${formatBytes(bytes)} …` : `${formatBytes(bytes)} …\n`);
    },
    done() {
      if (shown && isTTY) process.stderr.write('\n');
    },
  };
}

async function save(path: string, flags: AccessFlags): Promise<void> {
  const file = resolve(path);
  const bar = progress();
  const store = new StoreAccess(accessOf(flags));
  const summary = await saveSnapshotFile(file, store.snapshot(), (bytes) => bar.told(bytes)).finally(() => bar.done());
  const { revision, keys, sizeBytes } = summary;
  print(
    flags,
    { file, ...summary },
    () =>
      `saved ${file}: ${keys} keys at revision ${revision}, ${formatBytes(sizeBytes)}. It holds every secret of the cluster.`,
  );
}

function verdictText(verdict: SnapshotVerdict): string {
  const header = ['VALID', 'REVISION', 'KEYS', 'LEASES', 'SIZE', 'SHA-256'];
  if (!verdict.valid) return formatTable(['VALID', 'PROBLEM'], [['no', verdict.problem]]);
  const { revision, keys, leases, sizeBytes, sha256 } = verdict;
  return formatTable(header, [['yes', String(revision), String(keys), String(leases), formatBytes(sizeBytes), sha256]]);
}

interface RestoreFlags extends ServerPlanFlags {
  readonly dataDir?: string;
  readonly role?: StoreRole;
  readonly bumpRevision?: string;
  readonly force?: boolean;
  readonly output?: 'table' | 'json';
}

function parseBump(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,13}$/.test(text)) return Number(text);
  throw new CliError(`--bump-revision ${text} is not a number of at least 0.`, exitCodes.usage);
}

function outcomeText({ role, keys, restoredRevision, setAside }: RestoreOutcome, dataDir: string): string {
  const place = dataDir === defaultDataDir() ? '' : ` --data-dir ${dataDir}`;
  return [
    `restored ${keys} keys at revision ${restoredRevision}.`,
    ...(setAside === undefined ? [] : [`The former data lie in ${setAside}: delete them when you need them no more.`]),
    `Start it: timonel ${role}${place}`,
    ...(role === 'server' ? ['The other servers join anew, with empty data directories.'] : []),
  ].join('\n');
}

async function restore(file: string, flags: RestoreFlags): Promise<void> {
  const dataDir = resolve(flags.dataDir ?? defaultDataDir());
  const outcome = await restoreStore({
    snapshot: resolve(file),
    dataDir,
    role: flags.role,
    plan: flags,
    bumpRevision: parseBump(flags.bumpRevision),
    force: flags.force === true,
  });
  print(flags, { dataDir, ...outcome }, () => outcomeText(outcome, dataDir));
  if (!outcome.hasAuthority) {
    process.stderr.write(
      `! ${dataDir}/pki has no authority: the first start makes a new one, and every agent has to join anew. Have you a copy of the old pki and data/auth-token, put it there before that start.\n`,
    );
  }
}

const restoreExamples = `
Works offline: nothing may run on the data directory. It founds a new store of one member with the content of the snapshot, under
a new member id. The revision goes up by a large step, so that no client takes new changes for those it has seen.
A damaged snapshot changes nothing. In a directory that has been a server, the options need not be given again.

Examples:
  timonel store snapshot restore before.snapshot --data-dir /var/lib/timonel --force
  timonel store snapshot restore before.snapshot --data-dir /tmp/new --name s1 --advertise 10.0.0.1
  timonel store snapshot restore before.snapshot --role up`;

export function addSnapshotCommands(store: Command): void {
  const snapshot = store.command('snapshot').description('Copies of the store in files');
  withAccess(snapshot.command('save <file>').description('Save a copy of the store of a running cluster'))
    .addHelpText(
      'after',
      '\nThe file appears only when the copy is whole and on disk; a former one is replaced.\n\nExample:\n  timonel store snapshot save before.snapshot',
    )
    .action(save);
  snapshot
    .command('status <file>')
    .description('Read a snapshot, and say what it holds and whether it is sound')
    .addOption(new Option('-o, --output <format>', 'table or json').choices(['table', 'json']).default('table'))
    .addHelpText(
      'after',
      '\nExits with 1 when it is damaged.\n\nExample:\n  timonel store snapshot status before.snapshot',
    )
    .action(async (file: string, flags: AccessFlags) => {
      const verdict = await examineSnapshotFile(resolve(file));
      print(flags, verdict, () => verdictText(verdict));
      if (!verdict.valid) process.exitCode = exitCodes.failure;
    });
  snapshot
    .command('restore <file>')
    .description('Make a data directory start with the content of a snapshot')
    .option('--data-dir <dir>', 'the data directory (default: as for `timonel up` and `timonel server`)')
    .addOption(
      new Option('--role <command>', 'what will run on it (default: what did, else server)').choices(['server', 'up']),
    )
    .option('--force', 'move a store that is there aside')
    .option('--bump-revision <n>', 'how far the revision goes up (default: 1000000000)')
    .option('--name <name>', "the server's name (default: that it had, else the host name)")
    .option('--listen <address:port>', `where the API will listen (default: ${formatPlace(listenDefault)})`)
    .option('--advertise <address>', 'how the other machines reach it (default: that of the default route)')
    .option(
      '--peer-listen <address:port>',
      `where the other servers' stores will connect (default: port ${peerPortDefault} of the advertised address)`,
    )
    .option('--cluster-cidr <cidr>', 'addresses of the pods, as the cluster had them (default: 10.244.0.0/16)')
    .option('--service-cidr <cidr>', 'addresses of services, as the cluster had them (default: 10.96.0.0/16)')
    .addOption(new Option('-o, --output <format>', 'table or json').choices(['table', 'json']).default('table'))
    .addHelpText('after', restoreExamples)
    .action(restore);
}
