/**
 * The process that holds the namespaces of a rootless node: the first of its processes, so that with it all of them end. It
 * outlives the node's own process, as containers do.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { isAlive, killProcess, type ProcessIdentity } from '@timonel/sdk/linux';
import { defaultPath, run } from '@timonel/sdk/command';
import { writeFileAtomically } from '@timonel/sdk/files';
import { CliError } from '../errors.ts';
import type { IdLines, IdRanges } from './id-ranges.ts';
import type { NodeGroups } from './delegated-group.ts';
import { identityOf } from './identity.ts';
import { awaitIds, setUp } from './setup-script.ts';

export interface HolderOptions {
  readonly directory: string;
  readonly ids: IdRanges;
  /** A file to be seen as /etc/resolv.conf. */
  readonly resolvConf: string | undefined;
  readonly groups: NodeGroups | undefined;
}

const namespaces = ['user', 'mount', 'net', 'ipc', 'uts', 'cgroup', 'pid'] as const;
const deadlineMs = 20_000;
const idleWaitMs = 1000;
const idleStepMs = 20;

function recordPath(directory: string): string {
  return join(directory, 'holder.json');
}

/** A holder, and the groups that it was made with. */
export interface Holder extends ProcessIdentity {
  readonly groups?: NodeGroups | undefined;
}

/** Of an earlier run, whose containers go on. */
export function findHolder(directory: string): Holder | undefined {
  try {
    const found = JSON.parse(readFileSync(recordPath(directory), 'utf8')) as Holder;
    return isAlive(found) ? found : undefined;
  } catch {
    return undefined;
  }
}

export async function makeHolder(options: HolderOptions): Promise<Holder> {
  const { directory, ids, resolvConf = '', groups } = options;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const kinds = namespaces.map((kind) => `--${kind}`);
  const args = [join(directory, 'run'), resolvConf, groups === undefined ? '' : '1'];
  const words = [
    ...kinds,
    '--fork',
    '--propagation',
    'private',
    'sh',
    '-c',
    awaitIds,
    'timonel',
    setUp,
    'timonel',
    ...args,
  ];
  const child = spawn('sh', ['-c', intoGroup, 'sh', groups?.containers ?? '', 'unshare', ...words], {
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
    cwd: '/',
    env: { PATH: defaultPath(), LC_ALL: 'C' },
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), deadlineMs);
  let identity: ProcessIdentity | undefined;
  try {
    const lines = linesOf(child);
    identity = identityOf(Number(await lines()));
    await mapIds(identity.pid, ids);
    child.stdin?.end('go\n');
    await lines();
    // unshare(1) waits for it where it began: in a group that is to hold no processes.
    if (groups !== undefined) writeFileSync(join(groups.node, 'cgroup.procs'), String(child.pid));
    const holder = { ...identity, groups };
    await writeFileAtomically(recordPath(directory), JSON.stringify(holder));
    return holder;
  } catch (error) {
    if (identity !== undefined) killProcess(identity);
    child.kill('SIGKILL');
    throw error;
  } finally {
    clearTimeout(timer);
    for (const stream of child.stdio) stream?.destroy();
    child.unref();
  }
}

/** $1: the group, or nothing; what follows is executed in it. */
export const intoGroup = `group=$1; shift; [ -z "$group" ] || echo 0 > "$group/cgroup.procs" || exit 1; exec "$@"`;

/** The lines of its output, one at a time. @throws CliError with its errors, when it ended */
function linesOf(child: ChildProcess): () => Promise<string> {
  let errors = '';
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    if (errors.length < 4096) errors += chunk;
  });
  const ended = new Promise<IteratorResult<string>>((resolve) => {
    const end = (): void => resolve({ done: true, value: undefined });
    child.once('close', end).once('error', end);
  });
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  return async () => {
    const next = await Promise.race([lines.next(), ended]);
    if (next.done !== true) return next.value;
    await ended;
    // Of two lines that mount(8) prints the second sends people to dmesg(1), which users may not read.
    const why = errors
      .trim()
      .split('\n')
      .filter((line) => !line.includes('dmesg(1)'))
      .join('; ');
    throw new CliError(`The namespaces of the node cannot be made: ${why === '' ? 'unshare ended' : why}`);
  };
}

async function mapIds(pid: number, ids: IdRanges): Promise<void> {
  if (ids.kind === 'many') {
    await mapBy('newuidmap', pid, ids.uids);
    await mapBy('newgidmap', pid, ids.gids);
    return;
  }
  writeFileSync(`/proc/${pid}/setgroups`, 'deny');
  writeFileSync(`/proc/${pid}/uid_map`, textOf(ids.uids));
  writeFileSync(`/proc/${pid}/gid_map`, textOf(ids.gids));
}

function textOf(lines: IdLines): string {
  return lines.map((line) => line.join(' ')).join('\n');
}

async function mapBy(program: string, pid: number, lines: IdLines): Promise<void> {
  const { status, stderr } = await run(program, [String(pid), ...lines.flat().map(String)]);
  if (status === 0) return;
  throw new CliError(
    `${program} refused to map ids: ${stderr.trim()}. Check that it is set-user-ID root, and /etc/subuid and /etc/subgid.`,
  );
}

const atPlace = 'cd "$1" 2>/dev/null || cd /; shift; exec "$@"';

/** The words that run a command in the namespaces of a holder, in the same directory: the one of outside would be of outside. */
export function enterWords({ pid }: ProcessIdentity): readonly string[] {
  const kinds = namespaces.map((kind) => `--${kind}`);
  const enter = ['nsenter', '--target', String(pid), ...kinds, '--preserve-credentials', '--'];
  return [...enter, 'sh', '-c', atPlace, 'sh', process.cwd()];
}

/** True: nothing runs in it but itself. */
async function isIdle(holder: ProcessIdentity): Promise<boolean> {
  const [program = '', ...words] = enterWords(holder);
  const { status, stdout } = await run(program, [...words, 'sh', '-c', 'echo /proc/[0-9]*']);
  // The holder, and this shell.
  return status !== 0 || stdout.trim().split(' ').length <= 2;
}

/** Ends it, with its directory, unless containers go on in it; what has just ended may take a moment to be gone. True: it has ended. */
export async function endIdleHolder(directory: string, holder: ProcessIdentity): Promise<boolean> {
  for (let waited = 0; !(await isIdle(holder)); waited += idleStepMs) {
    if (waited >= idleWaitMs) return false;
    await sleep(idleStepMs);
  }
  killProcess(holder);
  for (let waited = 0; isAlive(holder) && waited < deadlineMs; waited += idleStepMs) await sleep(idleStepMs);
  rmSync(directory, { recursive: true, force: true });
  return true;
}
