/** Answers the requests of the control planes, and of those who look at the node. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { errorMessage, type Env, type Logger, type Many } from '@timonel/sdk';
import type { NodeEndpoint } from '@timonel/sdk/contracts/node';
import { ApiError, apiErrorReason } from '@timonel/sdk/kube';
import type { Callers } from './callers.ts';
import { logRequest, type LogRequest } from './log-request.ts';
import { nodeIn } from './node-in.ts';
import type { Pages } from './pages.ts';
import { sessionRequest } from './session-request.ts';

export interface HandlerParts {
  readonly nodes: Many<NodeEndpoint>;
  readonly pages: Pages;
  readonly callers: Callers;
  readonly env: Env;
  readonly log: Logger;
}

/** A container that has written nothing yet must not keep its reader in doubt. */
const silentMs = 500;

export async function handle(parts: HandlerParts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  try {
    await parts.callers.check(request);
    if (request.method !== 'GET') throw new ApiError('MethodNotAllowed', 'only GET is served');
    const url = new URL(request.url ?? '/', 'https://node');
    const page = await parts.pages.of(url.pathname, request.headers.accept ?? '');
    if (page !== undefined) {
      response.writeHead(200, { 'content-type': page.contentType }).end(page.text);
      return;
    }
    if (sessionRequest(url) !== undefined) throw new ApiError('BadRequest', 'this path is served by upgrade only');
    const asked = logRequest(url, gone.signal);
    if (asked === undefined) throw new ApiError('NotFound', `${url.pathname} is not served by a node`);
    await sendLogs(parts, asked, response);
  } catch (error) {
    sendError(parts, error, response);
  }
}

async function sendLogs(parts: HandlerParts, { pod, options }: LogRequest, response: ServerResponse): Promise<void> {
  const iterator = nodeIn(parts).logs(pod, options)[Symbol.asyncIterator]();
  const first = iterator.next();
  await begun(first, parts.env);
  if (response.destroyed) {
    void Promise.resolve(iterator.return?.()).catch(() => undefined);
    return;
  }
  response.writeHead(200, { 'content-type': 'text/plain', 'cache-control': 'no-cache' });
  response.flushHeaders();
  const stream = Readable.from(chunks(iterator, first), { objectMode: false });
  stream.on('error', (error) => {
    parts.log.debug({ pod: pod.name, namespace: pod.namespace, error: errorMessage(error) }, 'a log broke off');
    response.destroy();
  });
  response.once('close', () => stream.destroy());
  stream.pipe(response);
}

/** Resolves with the first chunk or after a while of silence; a refusal that comes before becomes the answer's status. */
async function begun(first: Promise<unknown>, env: Env): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const timer = env.timers.after(silentMs, resolve);
    first.then(() => resolve(), reject).finally(() => timer.cancel());
  });
  first.catch(() => undefined);
}

async function* chunks(
  iterator: AsyncIterator<Uint8Array>,
  first: Promise<IteratorResult<Uint8Array>>,
): AsyncGenerator<Uint8Array> {
  try {
    for (let next = await first; next.done !== true; next = await iterator.next()) yield next.value;
  } finally {
    // Not awaited: a log that waits for its next line is ended by its signal.
    void Promise.resolve(iterator.return?.()).catch(() => undefined);
  }
}

function sendError({ log }: HandlerParts, error: unknown, response: ServerResponse): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const known = apiErrorReason(error) !== undefined;
  if (!known) log.warn({ error: errorMessage(error) }, 'a request to this node failed');
  const failure = known ? (error as ApiError) : new ApiError('InternalError', errorMessage(error));
  const body = JSON.stringify(failure.status);
  response.writeHead(failure.code, { 'content-type': 'application/json', connection: 'close' }).end(body);
}
