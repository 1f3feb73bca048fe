import { request } from 'node:https';
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
  const { status, text } = await send(access, method, path, payload, timeoutMs);
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
    throw new CliError(message);
  }
  return decoded as T;
}

function send(
  access: ClusterAccess,
  method: string,
  path: string,
  payload: string | undefined,
  timeoutMs: number,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const call = request(
      new URL(path, access.server),
      {
        method,
        ca: access.caCertificate,
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
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }));
        response.on('error', reject);
      },
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
