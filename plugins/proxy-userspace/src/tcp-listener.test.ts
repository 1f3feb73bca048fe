import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import type { Backend } from '@timonel/sdk/contracts/proxy';
import { captureResources, compareResources, until } from '@timonel/testkit';
import { BackendPicker } from './backend-picker.ts';
import { ClientMemory } from './client-memory.ts';
import { TcpListener } from './tcp-listener.ts';

const env = createRealEnv();
const address = '127.214.0.2';
const port = 18_215;
const open: { close(): void }[] = [];

afterEach(() => {
  for (const each of open.splice(0)) each.close();
});

async function serve(onConnection: (socket: Socket) => void): Promise<Backend> {
  const sockets = new Set<Socket>();
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    onConnection(socket);
  });
  await new Promise<void>((resolve) => {
    server.listen({ port: 0, host: '127.0.0.1', backlog: 1024 }, () => resolve());
  });
  open.push({
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  });
  return { address: '127.0.0.1', port: (server.address() as AddressInfo).port, nodeName: undefined };
}

async function listen(backends: readonly Backend[], isSticky = false): Promise<TcpListener> {
  const picker = new BackendPicker(env);
  const memory = new ClientMemory(env);
  memory.update(backends, 600);
  picker.update(backends, isSticky ? memory : undefined);
  const listener = new TcpListener(env, picker);
  await listener.listen(address, port);
  open.push({ close: () => listener.destroy() });
  return listener;
}

/** Sends `text` and the end; answers what came until the end. */
function talk(text = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    connect(port, address)
      .setEncoding('utf8')
      .on('data', (chunk: string) => {
        answer += chunk;
      })
      .on('error', reject)
      .on('end', () => resolve(answer))
      .end(text);
  });
}

const refusing = (index: number): Backend => ({ address: `127.214.9.${index}`, port: 9, nodeName: undefined });

describe('TcpListener', () => {
  it('passes over backends that refuse', async () => {
    const good = await serve((socket) => socket.pipe(socket));
    await listen([refusing(1), refusing(2), good, refusing(3)]);
    for (let i = 0; i < 12; i++) expect(await talk(`hello ${i}`)).toBe(`hello ${i}`);
  });

  it('resets the client when every backend refuses', async () => {
    await listen([refusing(1), refusing(2)]);
    await expect(talk('hello')).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  it('with affinity a client stays with the one that accepted, not with the one that refused', async () => {
    const counts = [0, 0];
    const good = await Promise.all(
      counts.map((_, index) =>
        serve((socket) => {
          counts[index] = (counts[index] ?? 0) + 1;
          socket.pipe(socket);
        }),
      ),
    );
    await listen([refusing(1), ...good, refusing(2)], true);
    for (let i = 0; i < 12; i++) expect(await talk('x')).toBe('x');
    expect([...counts].sort((a, b) => a - b)).toEqual([0, 12]);
  });

  it('keeps a half-open connection: the answer may come after the end of the question, and the other way round', async () => {
    const late = await serve((socket) => {
      let text = '';
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      socket.on('end', () => setTimeout(() => socket.end(`got ${text}`), 50));
    });
    const listener = await listen([late]);
    expect(await talk('question')).toBe('got question');
    await listener.whenIdle();
    listener.destroy();

    let received = '';
    const early = await serve((socket) => {
      socket.end('bye');
      socket.on('data', (chunk: Buffer) => {
        received += chunk.toString();
      });
    });
    await listen([early]);
    const client = connect({ port, host: address, allowHalfOpen: true });
    await new Promise((resolve) => {
      client.on('end', resolve).resume();
    });
    client.end('still here');
    await until(() => received === 'still here', { what: 'the words after the end of the server' });
  });

  it('hands a reset on, in both directions', async () => {
    let backendReset = false;
    const rude = await serve((socket) => {
      socket.on('error', () => {
        backendReset = true;
      });
      socket.on('data', (chunk: Buffer) => {
        if (chunk.toString() === 'reset me') socket.resetAndDestroy();
        else socket.write(chunk);
      });
    });
    const listener = await listen([rude]);
    await expect(talk('reset me')).rejects.toMatchObject({ code: 'ECONNRESET' });
    const client = connect(port, address);
    client.write('hello');
    await new Promise((resolve) => {
      client.once('data', resolve);
    });
    client.resetAndDestroy();
    await until(() => backendReset, { what: 'the backend to be reset' });
    await listener.whenIdle();
  });

  it('moves 64 MiB unchanged in size through a slow reader', async () => {
    const size = 64 * 1024 * 1024;
    const source = await serve((socket) => {
      socket.resume();
      socket.end(Buffer.alloc(size, 7));
    });
    await listen([source]);
    let seen = 0;
    const client = connect(port, address);
    for await (const chunk of client) {
      seen += (chunk as Buffer).length;
      if (seen % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(seen).toBe(size);
  });

  it('takes no more from a backend than the client reads, but for what buffers hold', async () => {
    const limit = 32 * 1024 * 1024;
    let given = 0;
    let full = false;
    const source = await serve((socket) => {
      const piece = Buffer.alloc(1024 * 1024);
      const give = (): void => {
        if (given >= limit) return;
        given += piece.length;
        full = !socket.write(piece, give);
      };
      give();
    });
    await listen([source]);
    const client = connect(port, address).pause();
    let before = -1;
    await until(
      () => {
        const isStill = full && given === before;
        before = given;
        return isStill;
      },
      { what: 'the backend to wait', intervalMs: 200 },
    );
    client.destroy();
    expect(given).toBeLessThan(limit);
  });

  it('two listeners of this process share an address: the newer gets the connections, the older may go', async () => {
    const [one, two] = [await serve((socket) => socket.end('one')), await serve((socket) => socket.end('two'))];
    const older = await listen([one]);
    expect(await talk()).toBe('one');
    const newer = await listen([two]);
    expect(await talk()).toBe('two');
    older.destroy();
    expect(await talk()).toBe('two');
    newer.destroy();
    await expect(talk()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('1,000 connections at once; after the end nothing is left open', async () => {
    const before = captureResources();
    const echo = await serve((socket) => socket.pipe(socket));
    const listener = await listen([echo]);
    const clients = await Promise.all(
      Array.from({ length: 1000 }, async (_, index) => {
        const client = connect(port, address);
        client.on('error', () => undefined);
        client.write(`client ${index}`);
        const answer = await new Promise((resolve) => {
          client.once('data', (chunk: Buffer) => resolve(chunk.toString()));
        });
        expect(answer).toBe(`client ${index}`);
        return client;
      }),
    );
    expect(listener.clients).toBe(1000);
    listener.destroy();
    await until(() => clients.every(({ destroyed }) => destroyed), { what: 'all clients to be cut' });
    for (const each of open.splice(0)) each.close();
    await until(() => compareResources(before, captureResources()).length === 0, { what: 'all sockets to be closed' });
    expect(listener.clients).toBe(0);
  }, 20_000);
});
