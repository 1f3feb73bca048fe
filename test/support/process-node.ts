/** A node for tests: sessions are processes of this machine, ports are those of loopback. */
import { spawn, type ChildProcess } from 'node:child_process';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import {
  nodeEndpoint,
  type NodeEndpoint,
  type PodAttachOptions,
  type PodExecOptions,
} from '@timonel/sdk/contracts/node';
import type { ExecSession } from '@timonel/sdk/contracts/runtime';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { ApiError, pods, type Container, type Pod } from '@timonel/sdk/kube';

export interface Resize {
  readonly columns: number;
  readonly rows: number;
}

export class ProcessNode {
  readonly sizes: Resize[] = [];
  readonly asked: (PodExecOptions | PodAttachOptions)[] = [];
  readonly processes = new Set<ChildProcess>();
  readonly connections = new Set<Duplex>();
  /** What `attach` runs in place of joining a container. */
  attached: readonly string[] = ['cat'];
  /** Comes between the start of a process and its session. */
  beforeSession: () => Promise<void> = async () => undefined;
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  plugin(): AnyPlugin {
    return definePlugin({
      name: 'process-node',
      version: '0.1.0',
      apiVersion: 1,
      provides: { node: nodeEndpoint },
      setup: () => ({ provides: { node: this.endpoint() } }),
    });
  }

  endpoint(): NodeEndpoint {
    return {
      nodeName: () => this.#name,
      async *logs() {
        yield Buffer.from('log\n');
      },
      exec: (_pod, options) => this.#exec(options),
      attach: (_pod, options) => this.#attach(options),
      portForward: (_pod, port) => this.#forward(port),
      usage: async () => ({ nodeName: this.#name, time: 1, cpuUsageNanos: 2, memoryWorkingSetBytes: 3, pods: [] }),
    };
  }

  /** The pod `a` on this node, with a container `app`. */
  addPod(api: ApiClient, container: Partial<Container> = {}): Promise<Pod> {
    return api.create(pods, {
      metadata: { name: 'a', namespace: 'default' },
      spec: { nodeName: this.#name, containers: [{ name: 'app', image: 'i', ...container }] },
    });
  }

  #exec(options: PodExecOptions): Promise<ExecSession> {
    this.asked.push(options);
    return this.#start(options.command, options);
  }

  #attach(options: PodAttachOptions): Promise<ExecSession> {
    this.asked.push(options);
    return this.#start(this.attached, options);
  }

  async #forward(port: number): Promise<Duplex> {
    const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
    this.connections.add(socket);
    socket.once('close', () => this.connections.delete(socket));
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', (error) =>
        reject(new ApiError('ServiceUnavailable', `connection refused: ${error.message}`)),
      );
    });
    return socket;
  }

  /** Ends what is left. */
  stop(): void {
    for (const child of this.processes) child.kill('SIGKILL');
    for (const connection of this.connections) connection.destroy();
  }

  async #start(command: readonly string[], { stdin, tty }: { stdin: boolean; tty: boolean }): Promise<ExecSession> {
    const [program = '', ...args] = command;
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (error) => reject(new ApiError('BadRequest', `cannot run ${program}: ${error.message}`)));
    });
    this.processes.add(child);
    const exited = new Promise<number>((resolve) => {
      child.once('exit', (code, signal) => {
        this.processes.delete(child);
        resolve(code ?? (signal === 'SIGKILL' ? 137 : 128));
      });
    });
    child.stdin.on('error', () => undefined);
    if (!stdin) child.stdin.end();
    await this.beforeSession();
    return {
      stdin: stdin ? child.stdin : undefined,
      stdout: child.stdout,
      stderr: tty ? undefined : child.stderr,
      resize: (columns, rows) => void this.sizes.push({ columns, rows }),
      exited,
      kill: () => void child.kill('SIGKILL'),
    };
  }
}
