/** A real server on loopback that answers as a test says. */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { decode, encode, type Packet } from 'dns-packet';

export type Reply = Partial<Packet> | Buffer | undefined;

export interface Upstream {
  readonly port: number;
  /** What was asked: `A www.example udp`. */
  readonly asked: string[];
  close(): void;
}

const attempts = 20;

/** A port that both transports have. */
async function onePort(): Promise<{ readonly tcp: Server; readonly udp: UdpSocket; readonly port: number }> {
  for (let attempt = 1; ; attempt += 1) {
    const [tcp, udp] = [createServer(), createSocket('udp4')];
    await once(tcp.listen(0, '127.0.0.1'), 'listening');
    const { port } = tcp.address() as AddressInfo;
    try {
      udp.bind(port, '127.0.0.1');
      await once(udp, 'listening');
      return { tcp, udp, port };
    } catch (error) {
      // Somebody has it for the other transport.
      tcp.close();
      udp.close();
      if (attempt === attempts) throw error;
    }
  }
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
  const { tcp, udp, port } = await onePort();
  udp.on('message', (message, from) => {
    void answer(message, 'udp').then((bytes) => bytes && udp.send(bytes, from.port, from.address));
  });
  const connections = new Set<Socket>();
  tcp.on('connection', (socket) => {
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
