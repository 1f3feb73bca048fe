/** Network namespaces for tests of networks, which need root, and talk between them. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';

export const run: (
  file: string,
  args: readonly string[],
) => Promise<{ readonly stdout: string; readonly stderr: string }> = promisify(execFile);

/** Those of one test, which go with it. */
export class TestNamespaces {
  readonly #names: Set<string> = new Set();

  /** Answers its path. */
  async make(): Promise<string> {
    const name = `tmnet-${randomBytes(5).toString('hex')}`;
    await run('ip', ['netns', 'add', name]);
    this.#names.add(name);
    return `/run/netns/${name}`;
  }

  async remove(path: string): Promise<void> {
    const name = path.slice('/run/netns/'.length);
    await run('ip', ['netns', 'delete', name]);
    this.#names.delete(name);
  }

  async close(): Promise<void> {
    for (const name of this.#names) await run('ip', ['netns', 'delete', name]).catch(() => undefined);
    this.#names.clear();
  }
}

/** Answers TCP connections in a namespace (or on the host) with the client's address; resolves when it listens. */
export async function serve(path: string | undefined, host: string, port: number): Promise<{ close(): Promise<void> }> {
  const script = `require('net').createServer((s) => s.end(s.remoteAddress)).listen(${port}, '${host}', () => console.log('up'))`;
  const args = path === undefined ? ['-e', script] : [`--net=${path}`, process.execPath, '-e', script];
  const child = execFile(path === undefined ? process.execPath : 'nsenter', args);
  await new Promise<void>((up, fail) => {
    child.stdout?.once('data', () => up());
    child.once('exit', (code) => fail(new Error(`the server ended with ${code}`)));
  });
  return {
    close: () =>
      new Promise((done) => {
        child.once('exit', () => done());
        child.kill('SIGKILL');
      }),
  };
}

/** What a server at the address says to a client in a namespace (or on the host); 'timeout', or the code of an error. */
export async function ask(path: string | undefined, host: string, port: number): Promise<string> {
  const script = `const s = require('net').connect(${port}, '${host}'); s.setTimeout(3000, () => { console.log('timeout'); process.exit(); }); s.on('error', (e) => console.log(e.code)); s.pipe(process.stdout)`;
  const { stdout } =
    path === undefined
      ? await run(process.execPath, ['-e', script])
      : await run('nsenter', [`--net=${path}`, process.execPath, '-e', script]);
  return stdout.trim();
}
