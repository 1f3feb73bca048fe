import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRealEnv } from '@timonel/core/env';
import { createRecordingLogger, until } from '@timonel/testkit';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { serveGrpc, type GrpcServer } from '../grpc/index.ts';
import { getInfo, notifyStatus, type PluginInfo, type Status } from './registration.ts';
import { PluginWatcher } from './watcher.ts';

let directory: string;
let watcher: PluginWatcher;
const servers: GrpcServer[] = [];
const registered: string[] = [];
let refusals = 0;
let slow: Promise<void> = Promise.resolve();

/** A plugin that registers at a socket of that name; answers what it is told. */
async function plugin(socket: string, info: Partial<PluginInfo>): Promise<{ told: Status[]; server: GrpcServer }> {
  const told: Status[] = [];
  const answer: PluginInfo = { type: 'Test', name: 'p', endpoint: '', supportedVersions: ['1'], ...info };
  const server = await serveGrpc({
    socket: join(directory, socket),
    methods: [
      { method: getInfo, handle: async () => ({ ...answer }) },
      { method: notifyStatus, handle: async (status: Status) => (told.push(status), {}) },
    ],
    reportFault: (error) => {
      throw error;
    },
  });
  servers.push(server);
  return { told, server };
}

const seen = (...expected: string[]): Promise<unknown> =>
  until(() => JSON.stringify(registered) === JSON.stringify(expected), {
    what: expected.join(),
  });

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'timonel-registry-'));
  registered.length = 0;
  refusals = 0;
  watcher = new PluginWatcher({
    directory,
    env: createRealEnv(),
    log: createRecordingLogger(),
    handler: {
      type: 'Test',
      async register({ name, endpoint }) {
        if (name === 'slow') await slow;
        if (refusals > 0) {
          refusals -= 1;
          throw new Error('not yet');
        }
        registered.push(`+${name} ${endpoint}`);
      },
      deregister: ({ name, endpoint }) => void registered.push(`-${name} ${endpoint}`),
    },
  });
  await watcher.start();
});
afterEach(async () => {
  await watcher.stop();
  for (const server of servers.splice(0)) await server.close();
  rmSync(directory, { recursive: true, force: true });
});

describe('plugins that leave a socket in the directory', () => {
  it('are registered with their endpoint, or with that socket, and told so; others are left alone', async () => {
    const other = await plugin('other.sock', { type: 'Other' });
    const first = await plugin('first.sock', { endpoint: '/run/first' });
    await seen('+p /run/first');
    await until(() => first.told.length > 0, { what: 'the answer' });
    expect(first.told).toEqual([{ pluginRegistered: true, error: '' }]);
    await plugin('second.sock', { name: 'q' });
    await seen('+p /run/first', `+q ${join(directory, 'second.sock')}`);
    expect(other.told).toEqual([]);
  });

  it('are told why not, and tried again', async () => {
    refusals = 1;
    const { told } = await plugin('first.sock', { endpoint: '/run/first' });
    await until(() => told.length > 1, { what: 'the second answer' });
    expect(told).toEqual([
      { pluginRegistered: false, error: 'not yet' },
      { pluginRegistered: true, error: '' },
    ]);
  });

  it('that are slow keep no other waiting, and are not taken in when they have gone meanwhile', async () => {
    let go = (): void => undefined;
    slow = new Promise((resolve) => (go = resolve));
    const first = await plugin('slow.sock', { name: 'slow', endpoint: '/run/slow' });
    await plugin('first.sock', { endpoint: '/run/first' });
    await seen('+p /run/first');
    await first.server.close();
    await plugin('second.sock', { name: 'q', endpoint: '/run/second' });
    await seen('+p /run/first', '+q /run/second');
    go();
    await seen('+p /run/first', '+q /run/second', '+slow /run/slow', '-slow /run/slow');
  });

  it('leave with their socket; the newer of two of one name serves', async () => {
    const { server } = await plugin('first.sock', { endpoint: '/run/first' });
    await seen('+p /run/first');
    await plugin('newer.sock', { endpoint: '/run/newer' });
    await seen('+p /run/first', '-p /run/first', '+p /run/newer');
    await server.close();
    await until(() => registered.length > 3, { what: 'the first to leave' });
    expect(registered.at(-1)).toBe('-p /run/first');
  });
});
