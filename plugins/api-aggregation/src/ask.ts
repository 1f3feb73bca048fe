/** One bounded question to the server of an APIService. */
import { request, type IncomingMessage } from 'node:http';
import { errorMessage, type Env } from '@timonel/sdk';
import type { UserInfo } from '@timonel/sdk/contracts/auth';
import { remoteUserHeaders } from './remote-user.ts';
import type { Target } from './target.ts';

/** As Kubernetes waits for discovery. */
const answerWithinMs = 5000;
const mostBytes = 4 * 1024 * 1024;

/** Who asks, as in Kubernetes: servers know it as an administrator. */
const asker: UserInfo = {
  username: 'system:kube-aggregator',
  uid: '',
  groups: ['system:masters'],
  extra: {},
};

async function bodyOf(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer) {
    const piece = chunk as Buffer;
    bytes += piece.length;
    if (bytes > mostBytes) throw new Error(`the answer is larger than ${mostBytes} bytes`);
    chunks.push(piece);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The JSON of the answer. @throws Error with the reason, whatever goes wrong */
export async function ask(target: Target, path: string, timers: Env['timers']): Promise<unknown> {
  const socket = await target.connect();
  const asking = request({
    createConnection: () => socket,
    path,
    headers: ['Host', target.host, 'Accept', 'application/json', ...remoteUserHeaders(asker)] as never,
    setHost: false,
  });
  const end = (): void => void socket.destroy(new Error('the APIService is gone'));
  target.signal.addEventListener('abort', end);
  const timer = timers.after(answerWithinMs, () => socket.destroy(new Error(`no answer within ${answerWithinMs} ms`)));
  try {
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      asking.once('response', resolve).on('error', reject).end();
    });
    if (answer.statusCode !== 200) throw new Error(`bad status from ${path}: ${answer.statusCode}`);
    const text = await bodyOf(answer);
    try {
      return JSON.parse(text) as unknown;
    } catch (error) {
      throw new Error(`the answer is no JSON: ${errorMessage(error)}`, { cause: error });
    }
  } finally {
    timer.cancel();
    target.signal.removeEventListener('abort', end);
    socket.destroy();
  }
}
