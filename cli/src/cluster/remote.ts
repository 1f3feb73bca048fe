/** Calls to a running cluster. */
import { request } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { checkApiServerIdentity } from '@timonel/sdk/pki';
import { CliError, exitCodes } from '../errors.ts';
import type { ClusterAccess } from './kubeconfig.ts';

/** One call to a running cluster. Resolves with the decoded body; a failure becomes a CliError with the server's message. */
export async function callCluster<T>(
  access: ClusterAccess,
  method: string,
  path: string,
  body?: unknown,
  timeoutMs = 60_000,
): Promise<T> {
  const payload = body === undefined ? undefined : JSON.stringify(body);
  const response = await open(access, method, path, payload, timeoutMs);
  return (await decode(access, response)) as T;
}

/** The body of an answer, piece by piece. Ends without an error only when it came whole. @throws CliError */
export async function* streamFromCluster(
  access: ClusterAccess,
  path: string,
  timeoutMs = 60_000,
): AsyncGenerator<Buffer> {
  const response = await open(access, 'GET', path, undefined, timeoutMs);
  if ((response.statusCode ?? 0) >= 400) await decode(access, response);
  try {
    for await (const piece of response) yield piece as Buffer;
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? (cause as Error).message;
    throw new CliError(`${access.server} broke off its answer (${why}): try again.`, exitCodes.failure, { cause });
  }
}

/** @throws CliError with the server's message when it refused */
async function decode(access: ClusterAccess, response: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  const status = response.statusCode ?? 0;
  let decoded: unknown;
  try {
    decoded = text === '' ? undefined : JSON.parse(text);
  } catch (cause) {
    throw new CliError(`${access.server} answered something that is not JSON (HTTP ${status}).`, exitCodes.failure, {
      cause,
    });
  }
  if (status >= 400) {
    const message = (decoded as { message?: string } | undefined)?.message ?? `HTTP ${status}`;
    throw new CliError(message, exitCodes.failure, { cause: decoded });
  }
  return decoded;
}

function open(
  access: ClusterAccess,
  method: string,
  path: string,
  payload: string | undefined,
  timeoutMs: number,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const call = request(
      new URL(path, access.server),
      {
        method,
        ca: access.caCertificate,
        checkServerIdentity: checkApiServerIdentity,
        timeout: timeoutMs,
        agent: false,
        headers: {
          authorization: `Bearer ${access.token}`,
          accept: 'application/json',
          ...(payload === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }),
        },
      },
      resolve,
    );
    call.on('timeout', () => call.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    call.on('error', (cause: NodeJS.ErrnoException) => {
      const why = cause.code ?? cause.message;
      reject(
        new CliError(
          `The cluster at ${access.server} does not answer (${why}): start it with \`timonel up\`, or name another kubeconfig with --kubeconfig.`,
          exitCodes.unreachable,
          { cause },
        ),
      );
    });
    call.end(payload);
  });
}

/** The lines of an answer, each a JSON value, as they come. Ends without an error only when it came whole. @throws CliError */
export async function* linesFromCluster(
  access: ClusterAccess,
  path: string,
  body: unknown,
  timeoutMs = 60_000,
): AsyncGenerator {
  const response = await open(access, 'POST', path, JSON.stringify(body), timeoutMs);
  if ((response.statusCode ?? 0) >= 400) await decode(access, response);
  let rest = '';
  try {
    for await (const piece of response.setEncoding('utf8')) {
      const lines = `${rest}${piece as string}`.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) yield JSON.parse(line) as unknown;
    }
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? (cause as Error).message;
    throw new CliError(`${access.server} broke off its answer (${why}): try again.`, exitCodes.failure, { cause });
  }
}
