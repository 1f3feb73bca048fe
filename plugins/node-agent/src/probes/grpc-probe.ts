/** grpc.health.v1.Health/Check over cleartext HTTP/2, by the protocol of gRPC: one message there, one back, the status in the trailers. */
import { connect, type ClientHttp2Session, type ClientHttp2Stream, type IncomingHttpHeaders } from 'node:http2';
import { errorMessage } from '@timonel/sdk';
import type { Probe } from '@timonel/sdk/kube';
import { authority, failure, goDuration, success, type Attempt, type ProbeResult } from './probe-target.ts';

const path = '/grpc.health.v1.Health/Check';
const statuses = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];
const serving = 1;
const unimplemented = 12;
const answerLimitBytes = 64 * 1024;
const prefixBytes = 5;

interface Answer {
  readonly code: number;
  readonly message: string;
  readonly body: Buffer;
}

export async function grpcProbe(grpc: NonNullable<Probe['grpc']>, attempt: Attempt): Promise<ProbeResult> {
  const { target, signal, limitMs } = attempt;
  const address = authority(target.address, grpc.port);
  const session = connect(`http://${address}`);
  const end = (): void => session.destroy();
  signal.addEventListener('abort', end, { once: true });
  try {
    const problem = await connected(session);
    if (signal.aborted)
      return failure(
        `timeout: failed to connect service "${address}" within ${goDuration(limitMs)}: context deadline exceeded`,
      );
    if (problem !== undefined) return failure(`error: failed to connect service at "${address}": ${problem.message}`);
    return verdict(await asked(session, address, grpc.service ?? ''));
  } catch (error) {
    if (signal.aborted) return failure(`timeout: health rpc did not complete within ${goDuration(limitMs)}`);
    return failure(`error: health rpc probe failed: ${errorMessage(error)}`);
  } finally {
    signal.removeEventListener('abort', end);
    session.destroy();
  }
}

function connected(session: ClientHttp2Session): Promise<Error | undefined> {
  return new Promise((resolve) => {
    session.on('error', (error: Error) => resolve(error));
    session.once('close', () => resolve(new Error('connection closed')));
    // Not before the server has shown that it speaks HTTP/2.
    session.once('remoteSettings', () => resolve(undefined));
  });
}

function asked(session: ClientHttp2Session, host: string, service: string): Promise<Answer> {
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    ':authority': host,
    'content-type': 'application/grpc',
    te: 'trailers',
    'user-agent': 'kube-probe/1.35',
  });
  stream.end(framed(requestOf(service)));
  return answerOf(stream);
}

function answerOf(stream: ClientHttp2Stream): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    let last: IncomingHttpHeaders = {};
    stream.on('response', (headers) => (last = headers));
    stream.on('trailers', (headers) => (last = headers));
    stream.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > answerLimitBytes) stream.destroy(new Error(`the answer is longer than ${answerLimitBytes} bytes`));
      else chunks.push(chunk);
    });
    stream.once('error', reject);
    stream.once('close', () => {
      const code = Number(last['grpc-status'] ?? Number.NaN);
      if (Number.isInteger(code))
        resolve({ code, message: String(last['grpc-message'] ?? ''), body: Buffer.concat(chunks) });
      else reject(new Error('the answer has no grpc-status'));
    });
  });
}

function verdict({ code, message, body }: Answer): ProbeResult {
  if (code === unimplemented)
    return failure(
      `error: this server does not implement the grpc health protocol (grpc.health.v1.Health): ${message}`,
    );
  if (code !== 0) return failure(`error: health rpc probe failed: rpc error: code = ${code} desc = ${message}`);
  const status = statusOf(body);
  if (status === serving) return success;
  return failure(`service unhealthy (responded with "${statuses[status] ?? status}")`);
}

/** A message that is not compressed, behind its length. */
function framed(message: Buffer): Buffer {
  const prefix = Buffer.alloc(prefixBytes);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** HealthCheckRequest: field 1 is the service. */
function requestOf(service: string): Buffer {
  const text = Buffer.from(service, 'utf8');
  return text.length === 0 ? text : Buffer.concat([Buffer.from([0x0a, ...varint(text.length)]), text]);
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}

/** HealthCheckResponse: field 1 is the status; absent: UNKNOWN. */
function statusOf(body: Buffer): number {
  if (body.length < prefixBytes || body[0] !== 0) return 0;
  const message = body.subarray(prefixBytes, prefixBytes + body.readUInt32BE(1));
  return message[0] === 0x08 ? (message[1] ?? 0) : 0;
}
