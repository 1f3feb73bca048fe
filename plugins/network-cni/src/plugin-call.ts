/** One call of a CNI plugin's program. Source: CNI specification 1.1, sections 2 and 5. */
import { spawn } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import type { Timers } from '@timonel/sdk';
import { defaultPath } from '@timonel/sdk/command';
import { NetworkError } from '@timonel/sdk/contracts/network';

export type CniCommand = 'ADD' | 'DEL' | 'CHECK' | 'GC' | 'STATUS';

/** A plugin that has failed. `name` and `code` are those of every fault of a network. */
export class PluginError extends NetworkError {
  /** What the plugin calls it; undefined: it broke, or gave no answer, and has said nothing of the pod. */
  readonly cniCode: number | undefined;

  constructor(message: string, cniCode?: number) {
    super('COMMAND_FAILED', message);
    this.cniCode = cniCode;
  }
}

/** To whom a call is. */
export interface PluginPlace {
  readonly pluginDirectories: readonly string[];
  readonly timeoutMs: number;
  readonly timers: Timers;
}

/** CNI_CONTAINERID and the others of one sandbox. */
export type CallVariables = Readonly<Record<string, string>>;

const outputLimit = 1024 * 1024;
const shownLimit = 1000;

/**
 * Answers what the program printed.
 * @throws PluginError with the plugin's own words
 */
export async function callPlugin(
  place: PluginPlace,
  command: CniCommand,
  config: Readonly<Record<string, unknown>> & { readonly type: string },
  variables: CallVariables,
): Promise<unknown> {
  const { type } = config;
  const what = `the CNI plugin ${type} failed at ${command}`;
  const program = await programOf(place.pluginDirectories, type);
  const env = { ...variables, CNI_COMMAND: command, CNI_PATH: place.pluginDirectories.join(':') };
  const ended = await runPlugin(place, program, JSON.stringify(config), env);
  if (ended.timedOut) throw new PluginError(`${what}: no answer within ${place.timeoutMs / 1000} s`);
  if (ended.status !== 0) throw failureOf(what, ended);
  if (command !== 'ADD') return undefined;
  try {
    return JSON.parse(ended.stdout) as unknown;
  } catch {
    throw new PluginError(`${what}: its answer is no JSON: ${ended.stdout.slice(0, 200)}`);
  }
}

export async function programOf(directories: readonly string[], type: string): Promise<string> {
  for (const directory of directories) {
    const path = join(directory, type);
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return path;
  }
  throw new NetworkError(
    'COMMAND_FAILED',
    `the CNI plugin ${type} is not in ${directories.join(' or ')} (apt-get install containernetworking-plugins has the usual ones)`,
  );
}

interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
}

function runPlugin(
  { timeoutMs, timers }: PluginPlace,
  program: string,
  input: string,
  variables: CallVariables,
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    // A group of its own: programs that it calls, as for addresses, end with it.
    const env = { ...process.env, PATH: defaultPath(), LC_ALL: 'C', ...variables };
    const child = spawn(program, [], { stdio: 'pipe', env, detached: true });
    const out = { stdout: '', stderr: '' };
    let timedOut = false;
    const limit = timers.after(timeoutMs, () => {
      timedOut = true;
      endGroup(child.pid);
    });
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        if (out[name].length < outputLimit) out[name] += text;
      });
    }
    child.on('error', (error) => {
      limit.cancel();
      reject(new NetworkError('COMMAND_FAILED', `the CNI plugin ${program} cannot be run: ${error.message}`));
    });
    child.on('close', (status) => {
      limit.cancel();
      resolve({ status: status ?? -1, timedOut, ...out });
    });
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

/** Plugins that fail say why in JSON; those that break say something else. */
function failureOf(what: string, { status, stdout, stderr }: Ended): PluginError {
  try {
    const { code, msg, details } = JSON.parse(stdout) as { code?: unknown; msg?: unknown; details?: unknown };
    if (typeof msg === 'string' && typeof code === 'number') {
      const more = typeof details === 'string' && details !== '' ? `; ${details}` : '';
      return new PluginError(`${what}: ${`${msg.trim()}${more}`.slice(0, shownLimit)} (code ${code})`, code);
    }
  } catch {
    // Below.
  }
  const text = `${stdout}${stderr}`.trim().slice(0, shownLimit);
  return new PluginError(`${what}: status ${status}: ${text === '' ? 'no message' : text}`);
}
