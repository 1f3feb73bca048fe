import { connect, isIP, type Socket } from 'node:net';
import { errorMessage, type Env } from '@timonel/sdk';
import { ApiError } from '@timonel/sdk/kube';

const connectTimeoutMs = 5000;

/** Addresses of the machine itself and of its links: who may write endpoints must not reach what listens there. */
function isOwn(address: string): boolean {
  if (isIP(address) === 4) return /^(0|127|169\.254|22[4-9]|23\d)\./.test(address);
  return /^(::1?|fe[89ab][\da-f]:.*|ff.*|::ffff:.*)$/i.test(address);
}

/** A TCP connection. @throws ApiError BadRequest, ServiceUnavailable */
export async function dialAddress({ timers }: Pick<Env, 'timers'>, address: string, port: number): Promise<Socket> {
  if (isIP(address) === 0 || isOwn(address)) throw new ApiError('BadRequest', `address not allowed: ${address}`);
  const socket = connect({ host: address, port, allowHalfOpen: true, noDelay: true });
  const timer = timers.after(connectTimeoutMs, () =>
    socket.destroy(new Error(`no connection within ${connectTimeoutMs} ms`)),
  );
  try {
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return socket;
  } catch (cause) {
    const message = `error trying to reach service: ${address}:${port}: ${errorMessage(cause)}`;
    throw new ApiError('ServiceUnavailable', message, undefined, { cause });
  } finally {
    timer.cancel();
  }
}
