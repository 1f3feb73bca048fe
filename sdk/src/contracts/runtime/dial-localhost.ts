import { connect, type Socket } from 'node:net';

/** A TCP connection to `port` of this process's own localhost: 127.0.0.1, else ::1. @throws the error of the first. */
export async function dialLocalhost(port: number): Promise<Socket> {
  try {
    return await connected('127.0.0.1', port);
  } catch (error) {
    return await connected('::1', port).catch(() => {
      throw error;
    });
  }
}

function connected(host: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, allowHalfOpen: true, noDelay: true });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.removeListener('error', reject);
      resolve(socket);
    });
  });
}
