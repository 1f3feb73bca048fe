import { PassThrough } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import type { ExecSession } from '@timonel/sdk/contracts/runtime';
import { manualEnv, until } from '@timonel/testkit';
import { AttachHub } from './attach-hub.ts';
import { SourceGate } from './source-gate.ts';

const chunkBytes = 16 * 1024;
const limitBytes = 1024 * 1024;

function bed() {
  const env = manualEnv();
  const [output, input] = [new PassThrough(), new PassThrough()];
  const gate = new SourceGate([output]);
  const hub = new AttachHub(output, null, input, { once: false, env, gate });
  const attach = (stdin = false) => {
    const session = hub.attach(stdin);
    return { session, stdout: session.stdout as PassThrough, outcome: outcomeOf(session) };
  };
  /** Writes until the process is held. */
  const fill = async (): Promise<void> => {
    await until(() => output.isPaused() || !output.write(Buffer.alloc(chunkBytes)), { what: 'turn', intervalMs: 0 });
    while (!output.isPaused()) {
      output.write(Buffer.alloc(chunkBytes));
      await new Promise(setImmediate);
    }
  };
  return { env, output, input, gate, hub, attach, fill };
}

function outcomeOf(session: ExecSession): { exitCode: number | undefined } {
  const outcome: { exitCode: number | undefined } = { exitCode: undefined };
  void session.exited.then((exitCode) => (outcome.exitCode = exitCode));
  return outcome;
}

const listenersOf = (stream: PassThrough): number =>
  stream.eventNames().reduce((sum, name) => sum + stream.listenerCount(name), 0);

describe('those who are attached to a process', () => {
  it('hold it up to 1 MiB, and let it go on together with others who hold it', async () => {
    const { output, gate, attach, fill } = bed();
    const { stdout } = attach();
    await fill();
    const log = {};
    gate.hold(log);
    gate.release(log);
    expect(output.isPaused()).toBe(true);
    expect(stdout.readableLength + stdout.writableLength).toBeLessThanOrEqual(limitBytes + chunkBytes);
    gate.hold(log);
    stdout.resume();
    await until(() => stdout.readableLength + stdout.writableLength === 0, { what: 'all to be read' });
    expect(output.isPaused()).toBe(true);
    gate.release(log);
    expect(output.isPaused()).toBe(false);
  });

  it('are waited for while they read, and dropped when they do not', async () => {
    const { env, output, attach, fill } = bed();
    const { session, stdout, outcome } = attach();
    await fill();
    for (let turn = 0; turn < 10; turn += 1) {
      await env.advance(4900);
      expect(stdout.read()).not.toBeNull();
      await new Promise(setImmediate);
    }
    expect([outcome.exitCode, output.isPaused()]).toEqual([undefined, true]);
    await env.advance(10_000);
    expect(await session.exited).toBe(1);
    expect(output.isPaused()).toBe(false);
    expect(String(session.stderr?.read())).toContain('read more slowly');
  });

  it('are not waited for once it has ended, and lose nothing of the little that is left', async () => {
    const { output, hub, attach, fill } = bed();
    const { stdout, session } = attach();
    await fill();
    hub.hurry();
    expect(output.isPaused()).toBe(false);
    output.end('last');
    await new Promise((resolve) => output.once('end', resolve));
    hub.end(3);
    expect(await session.exited).toBe(3);
    const chunks: Buffer[] = [];
    for await (const chunk of stdout) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks).subarray(-4).toString()).toBe('last');
  });

  it('leave nothing behind at its streams', async () => {
    const { input, attach, fill } = bed();
    const before = listenersOf(input);
    const sessions = Array.from({ length: 16 }, () => attach(true));
    expect(listenersOf(input)).toBeGreaterThan(before);
    await fill();
    for (const { session } of sessions) session.kill();
    await until(() => listenersOf(input) === before, { what: 'the listeners to go' });
    for (const { stdout } of sessions) expect(stdout.listenerCount('drain')).toBe(0);
  });
});
