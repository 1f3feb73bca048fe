import { closeSync, constants, mkdirSync, openSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { mustRun } from '@timonel/sdk/command';

/** The named pipes between us and a process that containerd runs, in a directory of their own. */
export interface Fifos {
  readonly paths: { readonly stdin: string; readonly stdout: string; readonly stderr: string };
  readonly stdin: Socket | undefined;
  readonly stdout: Socket;
  readonly stderr: Socket | undefined;
  /** To be called when the process has opened its ends: from then on an end is an end. */
  release(): void;
  /** Closes and removes all. */
  remove(): void;
}

const { O_RDONLY, O_WRONLY, O_NONBLOCK } = constants;

/** Until `release`, both ends of each are open: a pipe that nobody writes to yet would read as ended, one that nobody reads breaks. */
export async function makeFifos(directory: string, wanted: { stdin: boolean; stderr: boolean }): Promise<Fifos> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const names = ['stdout', ...(wanted.stdin ? ['stdin'] : []), ...(wanted.stderr ? ['stderr'] : [])];
  const guards: number[] = [];
  const sockets: Socket[] = [];
  const release = (): void => {
    for (const fd of guards.splice(0)) closeSync(fd);
  };
  const remove = (): void => {
    release();
    for (const socket of sockets) socket.destroy();
    rmSync(directory, { recursive: true, force: true });
  };
  const open = (name: string): Socket | undefined => {
    if (!names.includes(name)) return undefined;
    const path = join(directory, name);
    // A writing end can be opened only when somebody reads.
    const reading = openSync(path, O_RDONLY | O_NONBLOCK);
    const writing = openSync(path, O_WRONLY | O_NONBLOCK);
    const input = name === 'stdin';
    guards.push(input ? reading : writing);
    const socket = new Socket({ fd: input ? writing : reading, readable: !input, writable: input });
    socket.on('error', () => undefined);
    sockets.push(socket);
    return socket;
  };
  try {
    await mustRun('mkfifo', ['-m', '600', ...names.map((name) => join(directory, name))]);
    const [stdin, stdout, stderr] = ['stdin', 'stdout', 'stderr'].map(open);
    if (stdout === undefined) throw new Error('no stdout');
    const path = (name: string): string => (names.includes(name) ? join(directory, name) : '');
    const paths = { stdin: path('stdin'), stdout: path('stdout'), stderr: path('stderr') };
    return { paths, stdin, stdout, stderr, release, remove };
  } catch (error) {
    remove();
    throw error;
  }
}
