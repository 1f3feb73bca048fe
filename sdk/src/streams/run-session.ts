import { finished, pipeline } from 'node:stream/promises';
import type { Readable, Writable } from 'node:stream';
import type { ExecSession } from '../contracts/runtime/index.ts';
import type { Status } from '../kube/index.ts';
import { exitStatus, failureStatus } from './exit-status.ts';
import { TerminalSizes } from './terminal-size.ts';

/** The client's end of a session, whatever carries it. What the client did not ask for is undefined. */
export interface SessionEnd {
  readonly stdin: Readable | undefined;
  readonly stdout: Writable | undefined;
  readonly stderr: Writable | undefined;
  readonly resize: Readable | undefined;
  readonly error: Writable;
  /** Whether `error` carries a Status, or only the text of a failure. */
  readonly status: boolean;
  /** Resolves when the client is gone. Never rejects. */
  readonly gone: Promise<unknown>;
}

function pipeInput(input: Readable, stdin: NodeJS.WritableStream): void {
  // A process that has closed its stdin lets the rest go to nowhere; the session goes on.
  const drop = (): void => {
    input.unpipe(stdin);
    input.resume();
  };
  stdin.once('error', drop).once('close', drop);
  input.on('error', () => stdin.end());
  input.pipe(stdin);
}

async function copyOutput(output: NodeJS.ReadableStream, target: Writable | undefined): Promise<void> {
  if (target === undefined) {
    output.resume();
    await finished(output);
  } else await pipeline(output, target);
}

function followSizes(input: Readable, session: ExecSession): void {
  const sizes = new TerminalSizes();
  input.on('data', (chunk: Buffer) => {
    const last = sizes.add(chunk).at(-1);
    if (last !== undefined) session.resize(last.columns, last.rows);
  });
}

function textOf(status: Status, asStatus: boolean): string {
  if (asStatus) return JSON.stringify(status);
  return status.status === 'Success' ? '' : (status.message ?? 'the session failed');
}

/**
 * Joins a session and its client until one of them ends. The status is sent after all output; the caller then ends the
 * connection. A client that goes takes the process with it.
 */
export async function runSession(session: ExecSession, client: SessionEnd): Promise<void> {
  if (client.stdin !== undefined && session.stdin !== undefined) pipeInput(client.stdin, session.stdin);
  if (client.resize !== undefined) followSizes(client.resize, session);
  const outputs = [copyOutput(session.stdout, client.stdout)];
  if (session.stderr !== undefined) outputs.push(copyOutput(session.stderr, client.stderr));
  else client.stderr?.end();
  const result = session.exited.then(exitStatus, failureStatus);
  const ended = Promise.allSettled([result, ...outputs]).then(() => result);
  const status = await Promise.race([ended, client.gone.then(() => undefined)]);
  if (status === undefined) {
    session.kill();
    return;
  }
  client.error.end(textOf(status, client.status));
  await Promise.race([finished(client.error).catch(() => undefined), client.gone]);
}
