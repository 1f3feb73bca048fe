import { join } from 'node:path';
import { errorMessage, type Env, type Logger } from '@timonel/sdk';
import { RuntimeError, type ExecOptions, type ExecSession } from '@timonel/sdk/contracts/runtime';
import { callCode, type Channel } from './cri/channel.ts';
import { makeFifos, type Fifos } from './fifos.ts';

const processType = 'types.containerd.io/opencontainers/runtime-spec/1/Process';
/** A process may run for as long as it likes: its end is asked for again and again. */
const waitMs = 10 * 60_000;
const retryMs = 500;
/** For so long containerd may be away before the session counts as lost. */
const patienceMs = 60_000;
const sigkill = 9;

export interface ExecPlace {
  readonly channel: Channel;
  readonly env: Env;
  readonly log: Logger;
  /** Of the named pipes. */
  readonly directory: string;
  readonly criId: string;
  readonly execId: string;
  /** The container's first process: the new one gets its user, capabilities, variables and limits. */
  readonly process: Readonly<Record<string, unknown>>;
}

/**
 * Runs a process beside the first, through containerd's own service of tasks: the CRI's `Exec` cannot end what it has begun, and what
 * it runs does not survive containerd.
 */
export async function openExec(place: ExecPlace, options: ExecOptions): Promise<ExecSession> {
  const { channel, criId, execId, process } = place;
  const task = { containerId: criId, execId };
  const fifos = await makeFifos(join(place.directory, execId), { stdin: options.stdin, stderr: !options.tty });
  const spec = { ...process, terminal: options.tty, args: options.command, consoleSize: undefined };
  let added = false;
  try {
    const value = Buffer.from(JSON.stringify(spec));
    await channel.call('Exec', {
      ...task,
      ...fifos.paths,
      terminal: options.tty,
      spec: { typeUrl: processType, value },
    });
    added = true;
    await channel.call('Start', task);
  } catch (error) {
    fifos.remove();
    if (added) await channel.call('DeleteProcess', task).catch(() => undefined);
    throw new RuntimeError('ExecError', errorMessage(error), { cause: error });
  }
  fifos.release();
  return sessionOf(place, options, fifos);
}

function sessionOf(place: ExecPlace, options: ExecOptions, fifos: Fifos): ExecSession {
  const { channel, criId, execId } = place;
  const task = { containerId: criId, execId };
  const exited = exitCodeOf(place).finally(() => {
    // What it wrote last is in the pipes: their readers get it, and then the end.
    fifos.stdin?.destroy();
    void closed(fifos).then(() => fifos.remove());
  });
  exited.catch(() => undefined);
  fifos.stdin?.once('finish', () => {
    fifos.stdin?.destroy();
    // containerd keeps the pipe open for writers to come, until it is told.
    channel.call('CloseIO', { ...task, stdin: true }).catch(() => undefined);
  });
  return {
    stdin: fifos.stdin,
    stdout: fifos.stdout,
    stderr: fifos.stderr,
    resize(columns, rows) {
      if (!options.tty) return;
      channel.call('ResizePty', { ...task, width: columns, height: rows }).catch(() => undefined);
    },
    exited,
    kill() {
      channel.call('Kill', { ...task, signal: sigkill }).catch((error: unknown) => {
        if (callCode(error) !== 'NOT_FOUND') place.log.warn({ error, execId }, 'a process could not be killed');
      });
      // Nobody reads on.
      for (const stream of [fifos.stdout, fifos.stderr]) stream?.resume();
    },
  };
}

async function closed({ stdout, stderr }: Fifos): Promise<void> {
  const end = (stream: Fifos['stderr']): Promise<void> | undefined =>
    stream === undefined || stream.closed ? undefined : new Promise((resolve) => stream.once('close', () => resolve()));
  await Promise.all([end(stdout), end(stderr)]);
}

/** Also when containerd goes and comes back meanwhile: the process does not notice. */
async function exitCodeOf({ channel, env, criId, execId }: ExecPlace): Promise<number> {
  const task = { containerId: criId, execId };
  let lostSince: number | undefined;
  for (;;) {
    try {
      const { exitStatus } = await channel.call('Wait', task, waitMs);
      await channel.call('DeleteProcess', task).catch(() => undefined);
      return exitStatus;
    } catch (error) {
      const code = callCode(error);
      if (code === 'DEADLINE_EXCEEDED') continue;
      const now = env.clock.monotonic();
      lostSince ??= now;
      // The container is gone with all that ran in it.
      if (code === 'NOT_FOUND') return 128 + sigkill;
      if (code !== 'UNAVAILABLE' || now - lostSince > patienceMs) throw error;
      await env.timers.sleep(retryMs);
    }
  }
}
