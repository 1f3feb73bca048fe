import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { Env } from '@timonel/sdk';
import type { ContainerConfig } from '@timonel/sdk/contracts/runtime';
import { identityOf, type ProcessIdentity } from './identity.ts';
import { hostEnv, OciFailure, type OciProgram } from './oci-program.ts';

const deadlineMs = 30_000;
const mostBytes = 64 * 1024;

export interface Monitored {
  readonly monitor: ProcessIdentity;
  readonly init: ProcessIdentity;
}

export interface MonitorInput {
  readonly config: ContainerConfig;
  readonly program: OciProgram;
  /** The bundle; conmon's attach socket and control FIFO come to lie there. */
  readonly directory: string;
  readonly logPath: string;
  /** 0: none. */
  readonly logMaxBytes: number;
  readonly exitDirectory: string;
  readonly env: Env;
}

/** Has conmon make the container: it writes the log, waits for the end and outlives us. @throws OciFailure */
export async function startMonitor(input: MonitorInput): Promise<Monitored> {
  const { directory, program } = input;
  const errors = join(directory, 'conmon.log');
  const fd = openSync(errors, 'w', 0o600);
  const env = { ...hostEnv(), _OCI_SYNCPIPE: '3' };
  const child = spawn(program.programs().conmon, conmonArgs(input), {
    stdio: ['ignore', 'ignore', fd, 'pipe'],
    env,
    cwd: '/',
  });
  closeSync(fd);
  const pipe = child.stdio[3] as Readable;
  try {
    const answer = await firstLine(pipe, child, input.env);
    const { data = -1, message } = answer === '' ? {} : (JSON.parse(answer) as { data?: number; message?: string });
    if (data <= 0) throw new OciFailure(message ?? (readFileSync(errors, 'utf8') || 'conmon ended without a word'));
    const init = identityOf(data);
    const monitor = identityOf(Number(readFileSync(join(directory, 'conmon.pid'), 'utf8')));
    if (monitor === undefined) throw new OciFailure('conmon ended at once');
    // A command that ended within this moment: conmon has the exit code.
    return { monitor, init: init ?? { pid: data, startTime: '' } };
  } finally {
    pipe.destroy();
  }
}

function conmonArgs(input: MonitorInput): readonly string[] {
  const { config, program, directory, logPath, logMaxBytes, exitDirectory } = input;
  const [runtime = '', ...more] = program.words([]);
  const fixed = [
    [
      ['--api-version', '1'],
      ['--cid', config.id],
      ['--cuuid', config.id],
      ['--name', config.id],
    ],
    [['--bundle', directory], ['--persist-dir', directory], ['--exit-dir', exitDirectory], ['--full-attach']],
    [
      ['--container-pidfile', join(directory, 'init.pid')],
      ['--conmon-pidfile', join(directory, 'conmon.pid')],
    ],
    [['--log-path', `k8s-file:${logPath}`], ['--log-level', 'error'], ['--no-new-keyring'], ['--no-sync-log']],
    [['--runtime', runtime], ...more.map((word) => ['--runtime-arg', word])],
  ];
  return [
    ...fixed.flat(2),
    ...(logMaxBytes === 0 ? [] : ['--log-size-max', String(logMaxBytes)]),
    ...(config.tty ? ['--terminal'] : []),
    ...(config.stdin ? ['--stdin'] : []),
    ...(config.stdin && !(config.stdinOnce && !config.tty) ? ['--leave-stdin-open'] : []),
  ];
}

/** What conmon writes when the container is made, or is not. Empty: it ended before. */
function firstLine(pipe: Readable, child: ReturnType<typeof spawn>, env: Env): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const timer = env.timers.after(deadlineMs, () => {
      child.kill('SIGKILL');
      reject(new OciFailure(`conmon made no container within ${deadlineMs} ms`));
    });
    const finish = (): void => {
      timer.cancel();
      resolve(text.split('\n')[0] ?? '');
    };
    pipe.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      if (text.includes('\n') || text.length > mostBytes) finish();
    });
    pipe.once('close', finish);
    pipe.once('error', finish);
    child.once('error', (error) => {
      timer.cancel();
      reject(new OciFailure(error.message));
    });
  });
}
