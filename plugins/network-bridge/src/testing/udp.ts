import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { until } from '@timonel/testkit';

/** Answers UDP packets in a namespace with a text; resolves when it listens. */
export async function answerUdp(path: string, port: number, text: string): Promise<{ close(): Promise<void> }> {
  const script = `const s = require('dgram').createSocket('udp4'); s.on('message', (_, r) => s.send('${text}', r.port, r.address)); s.bind(${port}, () => console.log('up'))`;
  const child = execFile('nsenter', [`--net=${path}`, process.execPath, '-e', script]);
  await new Promise<void>((up, fail) => {
    child.stdout?.once('data', () => up());
    child.once('exit', (code) => fail(new Error(`the server ended with ${code}`)));
  });
  return {
    close: () =>
      new Promise((done) => {
        child.once('exit', () => done());
        child.kill('SIGKILL');
      }),
  };
}

interface UdpClient {
  send(): void;
  /** Sends until an answer says so. */
  answeredBy(text: string): Promise<void>;
  close(): void;
}

/** One that sends from one port, to one place. */
export async function udpClient(host: string, port: number): Promise<UdpClient> {
  const socket = createSocket('udp4');
  let last = '';
  socket.on('message', (message) => (last = message.toString()));
  // Nobody listens there.
  socket.on('error', () => undefined);
  await new Promise<void>((bound) => socket.bind(0, bound));
  const send = (): void => socket.send('?', port, host);
  return {
    send,
    async answeredBy(text) {
      const isAnswered = (): boolean => {
        send();
        return last === text;
      };
      await until(isAnswered, { what: `an answer of ${text}` });
    },
    close: () => socket.close(),
  };
}
