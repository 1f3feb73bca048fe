import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ExecSession } from '@timonel/sdk/contracts/runtime';
import { containerConfig } from '@timonel/testkit/contracts/runtime';
import { manualEnv, until } from '@timonel/testkit';
import { attachSession } from './attach-session.ts';
import type { Container } from './container.ts';
import type { ContainerEnd } from './containers.ts';

const image = { imageId: 'sha256:none', reference: 'timonel.local/none', layers: [] };
let directory: string;
let servers: Server[];
let sockets: Socket[];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'timonel-attach-'));
  sockets = [];
  servers = ['attach.out', 'attach.err'].map((name) =>
    createServer((socket) => sockets.push(socket)).listen(join(directory, name)),
  );
  await until(() => servers.every(({ listening }) => listening), { what: 'the sockets of the monitor' });
});
afterEach(() => {
  for (const server of servers) server.close();
  for (const socket of sockets) socket.destroy();
  rmSync(directory, { recursive: true, force: true });
});

/** The monitor of this one closed the streams without a record of the end; it is asked for that by turns. */
async function closedWith(isMonitored: boolean, exitCodes: readonly (number | undefined)[]) {
  const config = containerConfig('s', 'c', image, ['true']);
  const container = { config, directories: { state: directory, run: directory }, state: 'running' } as Container;
  const turns = exitCodes.values();
  const end: ContainerEnd = {
    within: async () => turns.next().value,
    isMonitored: () => isMonitored,
    listen: () => () => undefined,
  };
  const session = await attachSession(container, end, { stdin: false }, manualEnv());
  await until(() => sockets.length === 2, { what: 'both streams' });
  const text = collected(session);
  for (const socket of sockets) socket.destroy();
  return { exitCode: await session.exited, text: await text };
}

async function collected({ stderr, stdout }: ExecSession): Promise<string> {
  stdout.resume();
  let text = '';
  for await (const chunk of stderr ?? []) text += String(chunk);
  return text;
}

describe('streams that end while no end is recorded', () => {
  it('are those of a reader who was dropped when the monitor lives', async () => {
    const { exitCode, text } = await closedWith(true, [undefined, 137]);
    expect(exitCode).toBe(1);
    expect(text).toContain('read more slowly');
  });

  it('are those of a container that takes its time to die when the monitor was killed', async () => {
    expect(await closedWith(false, [undefined, 137])).toEqual({ exitCode: 137, text: '' });
  });

  it('end in any case', async () => {
    expect(await closedWith(false, [undefined, undefined])).toMatchObject({ exitCode: 1 });
  });
});
