/** The process that keeps namespaces of the bed alive. The kernel ends it, and all in them, when the test's process ends. */
import { spawn, type ChildProcess } from 'node:child_process';
import { until } from '../../support/until.ts';
import { kill, onlyChildOf, startTimeOf } from './processes.ts';

// Ends when its standard input does: the second way to notice that the test is gone. bash, since it takes in the orphans of a
// pid namespace whose first process it is.
const wait = 'while read -r _; do :; done';

export interface NamespaceHolder {
  /** As the host sees it. */
  readonly pid: number;
  /** Ends it. All processes of its pid namespace, and its network namespace with all links, are gone afterwards. */
  stop(): Promise<void>;
}

export interface HolderOptions {
  /** Options of unshare(1), such as `--net`. With `--pid` the holder is the first process of a pid namespace. */
  readonly namespaces: readonly string[];
  /** Shell commands that prepare the namespaces; `$0` is the name. */
  readonly script: string;
  /** Shown in the list of processes. */
  readonly name: string;
}

export async function holdNamespaces(options: HolderOptions): Promise<NamespaceHolder> {
  const script = `set -e\n${options.script}\necho ready\nset +e\n${wait}`;
  const child = spawn(
    'setpriv',
    [
      '--pdeathsig',
      'KILL',
      'unshare',
      '--fork',
      '--kill-child=KILL',
      ...options.namespaces,
      'bash',
      '-c',
      script,
      options.name,
    ],
    { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, LC_ALL: 'C' } },
  );
  child.stdin.on('error', () => undefined);
  const output = { text: '' };
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output.text += text));
  }
  let failed: Error | undefined;
  child.on('error', (error) => (failed = error));
  try {
    await until(
      () => {
        if (failed !== undefined || hasEnded(child)) throw failed ?? new Error(output.text);
        return output.text.includes('ready\n');
      },
      { what: () => `the namespaces of ${options.name}: ${output.text}`, abortOnThrow: true, intervalMs: 5 },
    );
    const pid = await onlyChildOf(child.pid ?? 0);
    if (pid === undefined) throw new Error(output.text);
    return { pid, stop: () => stop(child, pid) };
  } catch (cause) {
    if (child.pid !== undefined) kill(child.pid, 'SIGKILL');
    throw new Error(`the namespaces of ${options.name} cannot be made: ${output.text}`, { cause });
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

async function stop(child: ChildProcess, pid: number): Promise<void> {
  // unshare reports the end of the first process, which the kernel does not let end before all others have.
  if (!hasEnded(child)) kill(pid, 'SIGKILL');
  await until(() => hasEnded(child) && startTimeOf(pid) === undefined, { what: `the end of process ${pid}` });
}
