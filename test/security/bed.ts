import { existsSync, mkdirSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { errorMessage } from '@timonel/sdk';
import type {
  ContainerConfig,
  ContainerRuntime,
  ContainerStatus,
  ExecOptions,
  Mount,
  RootFilesystem,
  SandboxConfig,
} from '@timonel/sdk/contracts/runtime';
import { until } from '../../sdk/testkit/src/until.ts';
import { containerConfig, sandboxConfig } from '../../sdk/testkit/src/contracts/runtime/configs.ts';
import type { Host } from './host.ts';

export interface Ended {
  readonly status: ContainerStatus;
  readonly output: string;
}

export interface Node {
  readonly runtime: ContainerRuntime;
  /** Of the attackers. */
  readonly root: string;
  readonly directory: string;
  readonly host: Host;
  /** Programs of the node that come near a container. */
  readonly programs: readonly string[];
}

type Changes = Partial<ContainerConfig>;

/** A runtime with an image of the attackers, and a node around it that can be looked at. */
export class AttackBed {
  readonly runtime: ContainerRuntime;
  readonly host: Host;
  readonly programs: readonly string[];
  /** Of the attackers, as the node sees it. */
  readonly root: string;
  readonly logs: string;
  readonly #node: Node;
  #count = 0;

  constructor(node: Node) {
    this.#node = node;
    this.runtime = node.runtime;
    this.host = node.host;
    this.programs = node.programs;
    this.root = node.root;
    this.logs = join(node.directory, 'logs');
  }

  #newId(): string {
    return `attack-${++this.#count}`;
  }

  /** A new directory of the node, for volumes and layers. */
  directory(): string {
    const path = join(this.#node.directory, 'volumes', this.#newId());
    mkdirSync(path, { recursive: true });
    return path;
  }

  /** The attackers' image with a layer on top. */
  image(make: (layer: string) => void = () => undefined): RootFilesystem {
    const layer = this.directory();
    make(layer);
    return { imageId: 'sha256:attack', reference: 'timonel.local/attack:1', layers: [layer, this.#node.root] };
  }

  async sandbox(changes: Partial<SandboxConfig> = {}): Promise<string> {
    const id = this.#newId();
    await this.runtime.runSandbox(sandboxConfig(id, this.logs, changes));
    return id;
  }

  async start(command: readonly string[], changes: Changes = {}, sandbox?: string): Promise<string> {
    const image: RootFilesystem = {
      imageId: 'sha256:attack',
      reference: 'timonel.local/attack:1',
      layers: [this.#node.root],
    };
    const config = containerConfig(sandbox ?? (await this.sandbox()), this.#newId(), image, command, changes);
    await this.runtime.createContainer(config);
    await this.runtime.startContainer(config.id);
    return config.id;
  }

  async end(id: string): Promise<Ended> {
    const ended = async (): Promise<ContainerStatus | undefined> => {
      const status = await this.runtime.containerStatus(id);
      return status?.state === 'exited' ? status : undefined;
    };
    const status = await until(ended, { what: `container ${id} to end` });
    return { status, output: textOf(status) };
  }

  /** Runs it to its end. */
  async run(command: readonly string[], changes: Changes = {}, sandbox?: string): Promise<Ended> {
    return await this.end(await this.start(command, changes, sandbox));
  }

  /** What the attacker printed for each of these; each is a list of words. */
  async attempt(attempts: readonly (readonly string[])[], changes: Changes = {}, sandbox?: string): Promise<string> {
    const script = attempts.map((words) => `attacker ${words.map(quoted).join(' ')}`).join('; ');
    return (await this.run(['sh', '-c', script], changes, sandbox)).output;
  }

  /** Runs it to its end, where it is not refused: then the reason. */
  async tried(command: readonly string[], changes: Changes = {}, sandbox?: string): Promise<Ended | string> {
    const id = await this.start(command, changes, sandbox).catch((error: unknown) => `refused: ${errorMessage(error)}`);
    return id.startsWith('refused: ') ? id : await this.end(id);
  }

  async printed(id: string, text: string): Promise<void> {
    const status = await this.runtime.containerStatus(id);
    if (status === undefined) throw new Error(`no container ${id}`);
    await until(() => textOf(status).includes(text), { what: `container ${id} to print "${text}"` });
  }

  async textOf(id: string): Promise<string> {
    const status = await this.runtime.containerStatus(id);
    return status === undefined ? '' : textOf(status);
  }

  /** Bytes of the log with the files that it was rotated to. */
  logBytes(status: ContainerStatus): number {
    const directory = dirname(status.logPath);
    const names = readdirSync(directory).filter((name) => name.startsWith(basename(status.logPath)));
    // One file may have two names.
    const sizes = new Map(names.map((name) => statSync(join(directory, name))).map(({ ino, size }) => [ino, size]));
    return [...sizes.values()].reduce((sum, size) => sum + size, 0);
  }

  /** Output and exit code of a session. */
  async exec(id: string, command: readonly string[], options: Partial<ExecOptions> = {}): Promise<string> {
    const session = await this.runtime.exec(id, { command, tty: false, stdin: false, ...options });
    let output = '';
    session.stdout.on('data', (bytes: Buffer) => (output += bytes.toString()));
    session.stderr?.on('data', (bytes: Buffer) => (output += bytes.toString()));
    await session.exited;
    return output;
  }

  /** Does this node still do its work? @throws Error when it does not */
  async works(): Promise<void> {
    const { output } = await this.run(['echo', 'the node works']);
    if (!output.includes('the node works')) throw new Error(`a container printed "${output}" after the attack`);
  }

  async removeAll(): Promise<void> {
    for (const { id } of await this.runtime.listSandboxes()) await this.runtime.removeSandbox(id);
  }
}

export function volume(hostPath: string, containerPath = '/vol'): Mount {
  return { hostPath, containerPath, readOnly: false, propagation: 'private' };
}

const quoted = (word: string): string => `'${word.replaceAll("'", String.raw`'\''`)}'`;

function textOf(status: ContainerStatus): string {
  if (!existsSync(status.logPath)) return '';
  return readFileSync(status.logPath, 'utf8')
    .split('\n')
    .map((line) => line.split(' ').slice(3).join(' '))
    .filter((line) => line !== '')
    .join('\n');
}

export function settings(changes: Partial<ContainerConfig['security']>): Pick<ContainerConfig, 'security'> {
  return {
    security: {
      privileged: false,
      readOnlyRootFilesystem: false,
      noNewPrivileges: true,
      addCapabilities: [],
      dropCapabilities: [],
      ...changes,
    },
  };
}
