/** A real registry: the program of Debian's package `docker-registry`, on loopback. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@timonel/testkit/free-port';

/** Why tests with a registry cannot run here; undefined when they can. */
export const registryMissing: string | undefined =
  spawnSync('docker-registry', ['--version']).status === 0
    ? undefined
    : 'the command docker-registry is missing: apt-get install -y --no-install-recommends docker-registry';

export interface RegistryOptions {
  /** Who may use it, by name and password; default: everybody. */
  readonly auth?: { readonly user: string; readonly password: string };
  /** Who gives tokens for it; in place of `auth`. */
  readonly token?: {
    readonly realm: string;
    readonly service: string;
    readonly issuer: string;
    /** PEM file with the certificate that tokens are signed with. */
    readonly certFile: string;
  };
  /** PEM files; default: plain HTTP. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
}

/** bcrypt, which the registry demands, by the C library's function of that name. */
function htpasswdLine(user: string, password: string): string {
  const program = 'print crypt($ARGV[0], q($2y$05$abcdefghijklmnopqrstuu))';
  const { stdout } = spawnSync('perl', ['-e', program, password], { encoding: 'utf8' });
  if (!stdout.startsWith('$2y$')) throw new Error('perl made no bcrypt hash');
  return `${user}:${stdout}\n`;
}

async function writeConfig(directory: string, port: number, { auth, token, tls }: RegistryOptions): Promise<string> {
  const lines = [
    'version: 0.1',
    'log: { level: warn }',
    `storage: { filesystem: { rootdirectory: ${join(directory, 'data')} }, delete: { enabled: true } }`,
    `http: { addr: '127.0.0.1:${port}'${tls === undefined ? '' : `, tls: { certificate: ${tls.certFile}, key: ${tls.keyFile} }`} }`,
  ];
  if (auth !== undefined) {
    const file = join(directory, 'htpasswd');
    await writeFile(file, htpasswdLine(auth.user, auth.password));
    lines.push(`auth: { htpasswd: { realm: test, path: ${file} } }`);
  }
  if (token !== undefined) {
    const { realm, service, issuer, certFile } = token;
    lines.push(
      `auth: { token: { realm: '${realm}', service: ${service}, issuer: ${issuer}, rootcertbundle: ${certFile} } }`,
    );
  }
  const file = join(directory, 'config.yml');
  await mkdir(join(directory, 'data'));
  await writeFile(file, `${lines.join('\n')}\n`);
  return file;
}

export class DockerRegistry {
  /** `127.0.0.1:PORT`, as names of images begin. */
  readonly host: string;
  /** Removed with the registry; what it stores lies in `data`. */
  readonly directory: string;
  readonly #configFile: string;
  #process: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();
  #log = '';

  constructor(host: string, directory: string, configFile: string) {
    this.host = host;
    this.directory = directory;
    this.#configFile = configFile;
  }

  /** What it has written. */
  get log(): string {
    return this.#log;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Starts the process, also again after {@link halt}, and waits until it listens. */
  async run(): Promise<void> {
    const child = spawn('docker-registry', ['serve', this.#configFile], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], OTEL_TRACES_EXPORTER: 'none' },
    });
    this.#process = child;
    const keep = (chunk: Buffer): void => {
      this.#log = `${this.#log}${chunk.toString()}`.slice(-100_000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    this.#exited = new Promise((resolve) => {
      child.once('exit', () => resolve());
      child.once('error', () => resolve());
    });
    await this.#listening(child);
  }

  /** Ends the process; its data stay. */
  async halt(): Promise<void> {
    this.#process?.kill('SIGKILL');
    await this.#exited;
    this.#process = undefined;
  }

  /** Ends the process and removes its data. May be called twice. */
  async stop(): Promise<void> {
    await this.halt();
    await rm(this.directory, { recursive: true, force: true });
  }

  async #listening(child: ChildProcess): Promise<void> {
    const port = Number(this.host.split(':')[1]);
    for (let tries = 0; tries < 3000; tries++) {
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`docker-registry ended: ${this.#log}`);
      const open = await new Promise<boolean>((resolve) => {
        const socket = connect(port, '127.0.0.1', () => {
          socket.destroy();
          resolve(true);
        });
        socket.once('error', () => resolve(false));
      });
      if (open) return;
      await new Promise((resolve) => {
        setTimeout(resolve, 10);
      });
    }
    throw new Error(`docker-registry does not listen: ${this.#log}`);
  }
}

const startTries = 5;

/** Starts a registry with a directory of its own. Another process may take the port meanwhile: then at another. */
export async function startRegistry(options: RegistryOptions = {}): Promise<DockerRegistry> {
  if (registryMissing !== undefined) throw new Error(registryMissing);
  for (let tries = 1; ; tries++) {
    const directory = await mkdtemp(join(tmpdir(), 'timonel-registry-'));
    const port = await freePort();
    const registry = new DockerRegistry(`127.0.0.1:${port}`, directory, await writeConfig(directory, port, options));
    try {
      await registry.run();
      return registry;
    } catch (error) {
      await registry.stop();
      if (tries === startTries || !String(error).includes('address already in use')) throw error;
    }
  }
}
