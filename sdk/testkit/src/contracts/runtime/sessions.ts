import { readFile } from 'node:fs/promises';
import { expect, it } from '@jest/globals';
import type { ExecSession } from '@timonel/sdk/contracts/runtime';
import { freePort } from '../../free-port.ts';
import { until } from '../../until.ts';
import type { SuiteContext } from './suite-context.ts';

interface Collected {
  text: string;
  ended: boolean;
}

function collect(stream: NodeJS.ReadableStream | undefined): Collected {
  const all: Collected = { text: '', ended: false };
  stream?.on('data', (chunk) => (all.text += String(chunk)));
  stream?.on('end', () => (all.ended = true));
  return all;
}

/** Attaching to containers, and connections into sandboxes. */
export function sessionTests(suite: SuiteContext): void {
  attachTests(suite);
  dialTests(suite);
}

function attachTests(suite: SuiteContext): void {
  const { copyInput } = suite.declared;
  const test = copyInput === undefined ? it.skip : it;
  const why = copyInput === undefined ? ' (skipped: this runtime has no attach)' : '';

  const copying = (changes: { stdinOnce: boolean }): Promise<string> =>
    suite.newSandbox().then((sandbox) => suite.started(sandbox, copyInput ?? [], { stdin: true, ...changes }));

  test(`shows what a container writes to all who are attached, and passes their input on${why}`, async () => {
    const id = await copying({ stdinOnce: false });
    const sessions = [await attach(id), await attach(id)];
    const outputs = sessions.map(({ stdout }) => collect(stdout));
    const expected = ['from 0', 'from 1'].map((line) => `${line}\n`);
    for (const [index, { stdin }] of sessions.entries()) {
      stdin?.write(expected[index] ?? '');
      const soFar = expected.slice(0, index + 1).join('');
      await until(() => outputs.every(({ text }) => text === soFar), { what: `"${soFar}" to arrive at both` });
    }
    sessions[0]?.stdin?.end();
    sessions[0]?.kill();
    expect(await sessions[0]?.exited).toBe(0);
    sessions[1]?.stdin?.write('goes on\n');
    await until(() => outputs[1]?.text.endsWith('goes on\n'), { what: 'the second to be served on' });
    expect((await suite.runtime.containerStatus(id))?.state).toBe('running');
    await suite.runtime.stopContainer(id, 0);
    expect(await sessions[1]?.exited).toBe(137);
    await until(() => outputs[1]?.ended, { what: 'the output to end with the container' });
  });

  test(`ends the input of the container with the first who leaves, when it says so${why}`, async () => {
    const id = await copying({ stdinOnce: true });
    const session = await attach(id);
    const output = collect(session.stdout);
    session.stdin?.end('one\n');
    expect(await session.exited).toBe(3);
    await until(() => output.ended, { what: 'the output to end' });
    expect(output.text).toBe('one\n');
    expect(await suite.exited(id)).toMatchObject({ exitCode: 3 });
  });

  test(`attaches after a restart of the agent, and loses nobody's input by it${why}`, async () => {
    const id = await copying({ stdinOnce: false });
    const before = await attach(id);
    before.stdin?.write('before\n');
    const first = collect(before.stdout);
    await until(() => first.text === 'before\n', { what: 'the first line' });
    before.kill();
    await suite.restart();
    const after = await attach(id);
    const output = collect(after.stdout);
    after.stdin?.write('after\n');
    await until(() => output.text === 'after\n', { what: 'the second line' });
    after.kill();
  });

  test(`gives no input to a container that has none${why}`, async () => {
    const id = await suite.started(await suite.newSandbox(), suite.commands.run);
    const session = await attach(id);
    expect(session.stdin).toBeUndefined();
    session.kill();
    expect(await session.exited).toBe(0);
    expect((await suite.runtime.containerStatus(id))?.state).toBe('running');
  });

  it('refuses to attach to a container that is absent or has ended', async () => {
    const id = await suite.started(await suite.newSandbox(), suite.commands.exit(0));
    await suite.exited(id);
    for (const each of [id, 'never-made']) {
      await expect(attach(each)).rejects.toMatchObject({ name: 'RuntimeError', reason: 'AttachError' });
    }
  });

  async function attach(id: string): Promise<ExecSession> {
    return await suite.runtime.attach(id, { stdin: true });
  }
}

function dialTests(suite: SuiteContext): void {
  const { echoServer } = suite.declared;
  const refused = { name: 'RuntimeError', reason: 'DialError' };

  (echoServer === undefined ? it.skip : it)(
    `connects to ports of a sandbox${echoServer === undefined ? ' (skipped: this runtime has no network)' : ''}`,
    async () => {
      const port = await freePort();
      const sandbox = await suite.newSandbox();
      await expect(suite.runtime.dial(sandbox, port)).rejects.toMatchObject(refused);
      const id = await suite.started(sandbox, echoServer?.(port) ?? []);
      const heard = async (): Promise<string> =>
        readFile((await suite.runtime.containerStatus(id))?.logPath ?? '', 'utf8');
      const connect = () => suite.runtime.dial(sandbox, port).catch(() => undefined);
      const connection = await until(connect, { what: `port ${port} to be served` });
      const output = collect(connection);
      connection.write('one ');
      await until(() => output.text === 'one ', { what: 'the echo' });
      // The other direction stays open after the end of this one.
      connection.end('two');
      await until(() => output.ended, { what: 'the end of the echo' });
      expect(output.text).toBe('one two');
      const said = await suite.runtime.dial(sandbox, port);
      const half = collect(said);
      said.write('end');
      await until(() => half.ended, { what: 'the server to end its direction' });
      said.end(' and more');
      await until(async () => (await heard()).includes('end and more'), { what: 'the server to hear the rest' });
      const another = await suite.runtime.dial(sandbox, port);
      const closed = collect(another.resume());
      await suite.runtime.stopContainer(id, 0);
      await suite.runtime.stopSandbox(sandbox);
      await until(() => closed.ended || another.destroyed, { what: 'the connection to end with the sandbox' });
    },
  );

  it('refuses to connect to a sandbox that is absent or stopped, and to what is no port', async () => {
    const sandbox = await suite.newSandbox();
    for (const port of [0, 65_536, 1.5]) await expect(suite.runtime.dial(sandbox, port)).rejects.toMatchObject(refused);
    await suite.runtime.stopSandbox(sandbox);
    for (const id of [sandbox, 'never-made']) await expect(suite.runtime.dial(id, 80)).rejects.toMatchObject(refused);
  });
}
