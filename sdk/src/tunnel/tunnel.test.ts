import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { request } from 'node:http';
import { connectThrough, TunnelServer } from './index.ts';

let directory: string;
let socketPath: string;
let tunnel: TunnelServer;
let target: Server;
let port: number;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'timonel-tunnel-'));
  socketPath = join(directory, 'tunnel.sock');
  tunnel = new TunnelServer();
  await tunnel.listen(socketPath);
  target = createServer((socket) => socket.pipe(socket).on('error', () => socket.destroy()));
  await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve));
  port = (target.address() as AddressInfo).port;
});

afterEach(() => {
  tunnel.close();
  target.close();
  rmSync(directory, { recursive: true, force: true });
});

const through = (host: string, to = port, refuseLocal = false): Promise<Socket> =>
  connectThrough({ socketPath, host, port: to, refuseLocal, timeoutMs: 5000 });

describe('a tunnel', () => {
  it('connects as this process could, and passes both ways to the end', async () => {
    const socket = await through('127.0.0.1');
    socket.write('there and back');
    const [bytes] = (await once(socket, 'data')) as [Buffer];
    expect(bytes.toString()).toBe('there and back');
    const closed = once(socket, 'close');
    socket.end();
    await closed;
  });

  it('says what the system said', async () => {
    target.close();
    await expect(through('127.0.0.1')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await expect(through('no-such-host.invalid')).rejects.toMatchObject({
      code: expect.stringMatching(/ENOTFOUND|EAI_AGAIN/),
    });
  });

  it('refuses names that lead to the machine itself, where it is asked to', async () => {
    await expect(through('localhost', port, true)).rejects.toMatchObject({
      code: 'ERR_LOCAL_ADDRESS',
      message: expect.stringMatching(/^(127\.0\.0\.1|::1)$/),
    });
    (await through('localhost')).destroy();
  });

  it('refuses what is no target, and everything but CONNECT', async () => {
    await expect(through('a b')).rejects.toThrow();
    await expect(through('127.0.0.1', 70_000)).rejects.toThrow('the tunnel answered 400');
    const status = await new Promise((resolve) =>
      request({ socketPath, path: '/' }, (answer) => resolve(answer.statusCode)).end(),
    );
    expect(status).toBe(405);
  });

  it('ends its connections with itself', async () => {
    const socket = await through('127.0.0.1');
    const closed = once(socket, 'close');
    tunnel.close();
    await closed;
  });
});

function once(socket: Socket, event: string): Promise<unknown[]> {
  return new Promise((resolve) => socket.once(event, (...values: unknown[]) => resolve(values)));
}
