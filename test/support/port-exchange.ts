import { createHash } from 'node:crypto';
import { connect } from 'node:net';

/** Sends all of it to a port of this machine, says that it was all, and gives what comes back. */
export async function exchange(port: number, sent: Buffer): Promise<Buffer> {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.end(sent);
  await new Promise<void>((resolve, reject) => socket.once('end', resolve).once('error', reject));
  socket.destroy();
  return Buffer.concat(chunks);
}

export const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
