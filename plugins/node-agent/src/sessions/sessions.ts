/** What others have open on this node: processes in containers, attached streams, connections into pods. All end with the agent. */
import type { Duplex } from 'node:stream';
import { errorMessage } from '@timonel/sdk';
import type { PodAttachOptions, PodExecOptions, PodReference } from '@timonel/sdk/contracts/node';
import type { ContainerRuntime, ExecSession } from '@timonel/sdk/contracts/runtime';
import { ApiError, type StatusReason } from '@timonel/sdk/kube';
import type { Agent } from '../agent/agent.ts';
import type { PodWorker } from '../agent/pod-worker.ts';
import { readySandbox, runningContainer, workerOf } from './find.ts';

export class Sessions {
  readonly #agent: Agent;
  readonly #limit: number;
  /** Each ends what it stands for. */
  readonly #open = new Set<() => void>();
  /** Being opened. */
  #opening = 0;
  #closed = false;

  constructor(agent: Agent, limit: number) {
    this.#agent = agent;
    this.#limit = limit;
  }

  exec(pod: PodReference, options: PodExecOptions): Promise<ExecSession> {
    const { container, command, tty, stdin } = options;
    if (command.length === 0)
      throw new ApiError('BadRequest', 'you must specify at least one command for the container');
    return this.#session(pod, container, (runtime, id) => runtime.exec(id, { command, tty, stdin }));
  }

  attach(pod: PodReference, { container, stdin }: PodAttachOptions): Promise<ExecSession> {
    return this.#session(pod, container, async (runtime, id) =>
      attached(runtime, id, await runtime.attach(id, { stdin })),
    );
  }

  async portForward(pod: PodReference, port: number): Promise<Duplex> {
    const worker = workerOf(this.#agent, pod);
    const sandbox = readySandbox(worker);
    const connect = (): Promise<Duplex> => runtimeOf(worker).dial(sandbox, port);
    const problem = `port ${port} of pod ${pod.name} cannot be reached`;
    const connection = await this.#begun(connect, (opened) => opened.destroy(), problem, 'ServiceUnavailable');
    const end = (): void => void connection.destroy();
    this.#open.add(end);
    connection.once('close', () => this.#open.delete(end));
    return connection;
  }

  /** Ends all that is open, and opens nothing any more. */
  close(): void {
    this.#closed = true;
    for (const end of this.#open) end();
    this.#open.clear();
  }

  async #session(
    pod: PodReference,
    name: string,
    begin: (runtime: ContainerRuntime, id: string) => Promise<ExecSession>,
  ): Promise<ExecSession> {
    const worker = workerOf(this.#agent, pod);
    const container = runningContainer(worker, name);
    const problem = `container ${container.name} of pod ${pod.name}`;
    const start = (): Promise<ExecSession> => begin(runtimeOf(worker), container.id);
    const session = await this.#begun(start, leave, problem, 'BadRequest');
    const end = (): void => session.kill();
    const forget = (): void => void this.#open.delete(end);
    this.#open.add(end);
    session.exited.then(forget, forget);
    return session;
  }

  /** Opens one more within the bound, which holds for those that are still being opened too. */
  async #begun<T>(open: () => Promise<T>, end: (opened: T) => void, problem: string, reason: StatusReason): Promise<T> {
    if (this.#open.size + this.#opening >= this.#limit) {
      const text = `${this.#limit} sessions and connections are open on this node, which takes no more: end one or try later`;
      throw new ApiError('TooManyRequests', text, { retryAfterSeconds: 1 });
    }
    this.#opening += 1;
    let opened: T;
    try {
      opened = await open();
    } catch (error) {
      throw asApiError(error, problem, reason);
    } finally {
      this.#opening -= 1;
    }
    if (!this.#closed) return opened;
    end(opened);
    throw new ApiError('ServiceUnavailable', 'the agent of this node is being stopped');
  }
}

/** Nobody asks any more how it ended. */
function leave(session: ExecSession): void {
  session.exited.catch(() => undefined);
  session.kill();
}

/** That its container ended is no failure of an attached session, whatever the exit code. */
function attached(runtime: ContainerRuntime, id: string, session: ExecSession): ExecSession {
  const ended = async (exitCode: number): Promise<number> => {
    if (exitCode === 0) return 0;
    const status = await runtime.containerStatus(id);
    return status?.state === 'running' ? exitCode : 0;
  };
  const { stdin, stdout, stderr } = session;
  const resize = (columns: number, rows: number): void => session.resize(columns, rows);
  return { stdin, stdout, stderr, resize, kill: () => session.kill(), exited: session.exited.then(ended) };
}

/** @throws ApiError ServiceUnavailable when the runtime of the pod is not there. */
function runtimeOf(worker: PodWorker): ContainerRuntime {
  try {
    return worker.runtime();
  } catch (error) {
    throw new ApiError('ServiceUnavailable', errorMessage(error), undefined, { cause: error });
  }
}

/** What the runtime refuses is told to the caller with `reason`; anything else is a fault. */
function asApiError(error: unknown, problem: string, reason: StatusReason): ApiError {
  const name = typeof error === 'object' && error !== null && 'name' in error ? error.name : undefined;
  if (name === 'ApiError') return error as ApiError;
  const message = `${problem}: ${errorMessage(error)}`;
  return new ApiError(name === 'RuntimeError' ? reason : 'InternalError', message, undefined, { cause: error });
}
