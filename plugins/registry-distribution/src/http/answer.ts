/** Answers, and their bodies within bounds. */
import type { IncomingMessage } from 'node:http';
import type { Timers } from '@timonel/sdk';
import { connectionProblem, isFailure, RegistryFailure, shown, untrusted } from '../failure.ts';

export interface Answer {
  readonly method: string;
  readonly status: number;
  readonly message: IncomingMessage;
  /** Where it came from, after redirects. */
  readonly url: URL;
  /** It came from another host than the one that was asked. */
  readonly crossed: boolean;
  readonly timers: Timers;
}

/** The only value of a header; empty when it is absent. */
export function header(answer: Answer, name: string): string {
  const value = answer.message.headers[name];
  return typeof value === 'string' ? value : (value?.[0] ?? '');
}

/** What the head says of the body's length; undefined: nothing. */
export function announcedLength(answer: Answer): number | undefined {
  const text = header(answer, 'content-length');
  return /^[0-9]{1,15}$/.test(text) ? Number(text) : undefined;
}

const keptLength = 64 * 1024;
const keptMs = 2000;

/** Ends an answer whose body nobody wants; the connection is kept when that costs little. */
export function discard(answer: Answer): void {
  const { message, method, timers } = answer;
  message.on('error', () => undefined);
  const length = announcedLength(answer);
  const empty = message.complete || method === 'HEAD' || length === 0;
  if (!empty && (length === undefined || length > keptLength)) {
    message.destroy();
    return;
  }
  if (!empty) {
    const timer = timers.after(keptMs, () => void message.destroy());
    message.once('close', () => timer.cancel());
  }
  message.resume();
}

/** Compressed bodies would have to be unpacked, to a size nobody has stated, and are not what digests are of. @throws RegistryFailure */
export function refuseEncoding(answer: Answer): void {
  const encoding = header(answer, 'content-encoding').trim().toLowerCase();
  if (encoding === '' || encoding === 'identity') return;
  answer.message.destroy();
  throw untrusted(
    `${answer.url.host} sent a body with Content-Encoding ${shown(encoding)}, which was not asked for`,
    'a proxy between may do this: let it pass images as they are',
  );
}

export interface BodyLimits {
  readonly timeoutMs: number;
  readonly limitBytes: number;
  /** Of what, for messages. */
  readonly what: string;
  readonly signal: AbortSignal | undefined;
}

/** The whole body. @throws RegistryFailure when it breaks off, takes too long or is too large; the reason of the signal */
export async function readBody(answer: Answer, limits: BodyLimits): Promise<Buffer> {
  const { message, url, timers } = answer;
  const { timeoutMs, limitBytes, what, signal } = limits;
  refuseEncoding(answer);
  const tooLarge = (): RegistryFailure =>
    untrusted(`${what} of ${url.host} is larger than ${limitBytes} bytes`, 'check the name: this is no image');
  const announced = announcedLength(answer) ?? 0;
  if (announced > limitBytes) {
    message.destroy();
    throw tooLarge();
  }
  const slow = `${what} of ${url.host} was not complete within ${timeoutMs} ms`;
  const timer = timers.after(timeoutMs, () => void message.destroy(new RegistryFailure('unreachable', slow)));
  const onAbort = (): void => void message.destroy();
  signal?.addEventListener('abort', onAbort, { once: true });
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of message as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > limitBytes) throw tooLarge();
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  } catch (error) {
    if (signal?.aborted === true) throw signal.reason;
    if (isFailure(error)) throw error;
    const broken = `${what} of ${url.host} broke off: ${connectionProblem(error)}`;
    throw new RegistryFailure('unreachable', broken, { cause: error });
  } finally {
    timer.cancel();
    signal?.removeEventListener('abort', onAbort);
  }
}
