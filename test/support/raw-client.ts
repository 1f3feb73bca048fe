/** One request over TLS, byte by byte as it is given, by whoever a certificate says. */
import { connect } from 'node:tls';

export interface RawAnswer {
  readonly status: number;
  readonly text: string;
}

export interface ClientIdentity {
  readonly certificatePem: string;
  readonly keyPem: string;
}

/** `lines`: of the head, after the request line and `Host`. Resolves when the server closes the connection. */
export function sendRaw(
  url: string,
  { method = 'GET', path = '/', lines = [] as readonly string[], body = '' },
  identity?: ClientIdentity,
): Promise<RawAnswer> {
  const { hostname, port } = new URL(url);
  const head = [`${method} ${path} HTTP/1.1`, 'Host: x', 'Connection: close', ...lines];
  if (body !== '') head.push('Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`);
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: hostname,
      port: Number(port),
      rejectUnauthorized: false,
      ...(identity === undefined ? {} : { cert: identity.certificatePem, key: identity.keyPem }),
    });
    let text = '';
    socket.on('error', reject);
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')));
    socket.on('close', () => {
      const [, status = '0'] = /^HTTP\/1\.1 (\d{3}) /.exec(text) ?? [];
      resolve({ status: Number(status), text: text.slice(text.indexOf('\r\n\r\n') + 4) });
    });
    socket.write(`${[...head, '', ''].join('\r\n')}${body}`);
  });
}
