/** One call of a webhook: HTTPS, within a time, with a bounded answer, and without following whatever it says elsewhere. */
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { errorCode, errorMessage, type Env } from '../kernel/index.ts';
import type { WebhookClientConfig } from '../kube/index.ts';
import { serviceOf, type WebhookConnections } from './agents.ts';

export interface WebhookCall {
  readonly config: WebhookClientConfig;
  readonly body: unknown;
  readonly timeoutMs: number;
  /** Of the answer. */
  readonly limitBytes: number;
  readonly timers: Env['timers'];
  readonly connections: WebhookConnections;
}

/** Answers nest no deeper. */
const nestingLimit = 500;

/** Why a call failed; `isTimeout`: it was not answered in time. */
export class WebhookFailure extends Error {
  readonly code = 'ERR_WEBHOOK';
  readonly isTimeout: boolean;
  constructor(message: string, isTimeout = false) {
    super(message);
    this.isTimeout = isTimeout;
  }
}

const unknownAuthority: ReadonlySet<string | undefined> = new Set([
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_GET_ISSUER_CERT',
]);

/** Where the webhook listens, as messages name it. */
export function webhookUrl(config: WebhookClientConfig): URL {
  const service = serviceOf(config);
  if (service === undefined) return new URL(config.url ?? '');
  const path = config.service?.path ?? '/';
  return new URL(
    `https://${service.name}.${service.namespace}.svc:${service.port}${path.startsWith('/') ? path : `/${path}`}`,
  );
}

function textOf(error: unknown): string {
  return unknownAuthority.has(errorCode(error))
    ? 'tls: failed to verify certificate: x509: certificate signed by unknown authority'
    : errorMessage(error);
}

function nestedTooDeep(value: unknown): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > nestingLimit) return true;
    level = level.flatMap((item) =>
      typeof item === 'object' && item !== null ? (Object.values(item) as unknown[]) : [],
    );
  }
  return false;
}

async function readAnswer(response: IncomingMessage, limitBytes: number): Promise<unknown> {
  const { statusCode = 0 } = response;
  if (statusCode !== 200) {
    response.destroy();
    throw new WebhookFailure(`the server answered with status ${statusCode}`);
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    const piece = chunk as Buffer;
    bytes += piece.length;
    if (bytes > limitBytes) throw new WebhookFailure(`the answer is larger than ${limitBytes} bytes`);
    chunks.push(piece);
  }
  let value: unknown;
  try {
    value = JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch (error) {
    throw new WebhookFailure(`the answer is no JSON: ${errorMessage(error)}`);
  }
  if (nestedTooDeep(value)) throw new WebhookFailure(`the answer is nested deeper than ${nestingLimit} levels`);
  return value;
}

/** Sends the body by POST; the answer's JSON. @throws WebhookFailure whatever goes wrong */
export async function callWebhook(call: WebhookCall): Promise<unknown> {
  const { config, timeoutMs, timers, limitBytes } = call;
  const url = webhookUrl(config);
  const what = `Post "${url.href}"`;
  url.searchParams.set('timeout', `${Math.ceil(timeoutMs / 1000)}s`);
  const payload = Buffer.from(JSON.stringify(call.body));
  const headers = { 'content-type': 'application/json', accept: 'application/json', 'content-length': payload.length };
  let late = false;
  const asking = request(url, { method: 'POST', agent: call.connections.agentOf(config), headers });
  let timer: ReturnType<Env['timers']['after']> | undefined;
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      timer = timers.after(timeoutMs, () => {
        late = true;
        const error = new Error('timeout');
        asking.destroy(error);
        // One that still waits for its connection says nothing when it is destroyed.
        reject(error);
      });
      asking.once('response', resolve).on('error', reject).end(payload);
    });
    return await readAnswer(response, limitBytes);
  } catch (error) {
    asking.destroy();
    throw late
      ? new WebhookFailure(`${what}: context deadline exceeded`, true)
      : new WebhookFailure(`${what}: ${textOf(error)}`);
  } finally {
    timer?.cancel();
  }
}
