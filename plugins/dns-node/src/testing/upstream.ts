/** A real server on loopback that answers as a test says. */
import { createSocket } from 'node:dgram';
import { createServer, type Socket } from 'node:net';
import { decode, encode, type Packet } from 'dns-packet';

export type Reply = Partial<Packet> | Buffer | undefined;

export interface Upstream {
  readonly port: number;
  /** What was asked: `A www.example udp`. */
  readonly asked: string[];
  close(): void;
}

/** `reply`: undefined gives no answer; bytes are sent as they are. */
export async function startUpstream(
  reply: (name: string, transport: 'udp' | 'tcp') => Reply | Promise<Reply>,
): Promise<Upstream> {
  const asked: string[] = [];
  async function answer(message: Buffer, transport: 'udp' | 'tcp'): Promise<Buffer | undefined> {
    const query = decode(message);
    const question = query.questions?.[0];
    asked.push(`${question?.type} ${question?.name} ${transport}`);
    const given = await reply(question?.name ?? '', transport);
    if (given === undefined || Buffer.isBuffer(given)) return given;
    return encode({
      type: 'response',
      id: query.id ?? 0,
      questions: query.questions ?? [],
      ...given,
      flags: (given.flags ?? 0) | 0x180,
    });
  }
  const udp = createSocket('udp4');
  udp.on('message', (message, { port, address }) => {
    void answer(message, 'udp').then((bytes) => bytes && udp.send(bytes, port, address));
  });
  await new Promise<void>((resolve) => udp.bind(0, '127.0.0.1', resolve));
  const { port } = udp.address();
  const connections = new Set<Socket>();
  const tcp = createServer((socket) => {
    connections.add(socket);
    socket
      .on('error', () => undefined)
      .on('data', (chunk) => {
        void answer(chunk.subarray(2), 'tcp').then((bytes) => {
          if (bytes === undefined) return;
          const length = Buffer.alloc(2);
          length.writeUInt16BE(bytes.length);
          // In two parts, as networks do it.
          socket.write(Buffer.concat([length, bytes.subarray(0, 5)]));
          setImmediate(() => socket.write(bytes.subarray(5)));
        });
      });
  });
  await new Promise<void>((resolve) => tcp.listen(port, '127.0.0.1', resolve));
  return {
    port,
    asked,
    close() {
      udp.close();
      tcp.close();
      for (const socket of connections) socket.destroy();
    },
  };
}
