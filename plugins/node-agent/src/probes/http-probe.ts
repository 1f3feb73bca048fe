import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Probe } from '@timonel/sdk/kube';
import {
  authority,
  connectionProblem,
  failure,
  portOf,
  success,
  type Attempt,
  type ProbeResult,
} from './probe-target.ts';

type Get = NonNullable<Probe['httpGet']>;

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The beginning. */
  readonly body: string;
}

const bodyLimitBytes = 10 * 1024;
const redirectLimit = 10;
const redirects = new Set([301, 302, 303, 307, 308]);

/** 200 to 399 is healthy. Certificates are not checked; redirections are followed on the same host. */
export async function httpProbe(get: Get, attempt: Attempt): Promise<ProbeResult> {
  const url = urlOf(get, attempt);
  try {
    const { status, body } = await followed(url, headersOf(get), attempt.signal);
    if (status < 200 || status >= 400) return failure(`HTTP probe failed with statuscode: ${status}`);
    if (status < 300) return success;
    return { outcome: 'warning', message: `Probe terminated redirects, Response body: ${body}` };
  } catch (error) {
    return failure(`Get "${url.href}": ${problemOf(error, url, attempt.signal)}`);
  }
}

/** Of a lifecycle hook: whatever is answered, it was told. */
export async function httpHook(get: Get, attempt: Attempt): Promise<ProbeResult> {
  const url = urlOf(get, attempt);
  try {
    await answerOf(url, headersOf(get), attempt.signal);
    return success;
  } catch (error) {
    return failure(`Get "${url.href}": ${problemOf(error, url, attempt.signal)}`);
  }
}

function urlOf({ scheme, host, port, path = '/' }: Get, { target }: Attempt): URL {
  const protocol = scheme?.toUpperCase() === 'HTTPS' ? 'https:' : 'http:';
  const name = host === undefined || host === '' ? target.address : host;
  const base = `${protocol}//${authority(name, portOf(port, target.container))}`;
  return new URL(path.startsWith('/') ? `${base}${path}` : `${base}/${path}`);
}

function headersOf({ httpHeaders }: Get): Record<string, string> {
  const headers: Record<string, string> = { 'user-agent': 'kube-probe/1.35', accept: '*/*', connection: 'close' };
  for (const { name, value } of httpHeaders ?? []) headers[name.toLowerCase()] = value;
  return headers;
}

/** The answer that no redirection within the host follows. */
async function followed(first: URL, headers: Record<string, string>, signal: AbortSignal): Promise<Answer> {
  let url = first;
  for (let hops = 0; ; hops += 1) {
    const answer = await answerOf(url, headers, signal);
    const { location } = answer.headers;
    if (!redirects.has(answer.status) || location === undefined) return answer;
    const next = new URL(location, url);
    if (next.hostname !== first.hostname) return answer;
    if (hops >= redirectLimit - 1) throw new Error(`stopped after ${redirectLimit} redirects`);
    url = next;
  }
}

function answerOf(url: URL, headers: Record<string, string>, signal: AbortSignal): Promise<Answer> {
  const options = { headers, signal, agent: false as const };
  return new Promise((resolve, reject) => {
    const request =
      url.protocol === 'https:'
        ? httpsRequest(url, { ...options, rejectUnauthorized: false })
        : httpRequest(url, options);
    request.once('error', reject);
    request.once('response', (response) => {
      const { statusCode: status = 0, headers: given } = response;
      beginningOf(response).then((body) => {
        resolve({ status, headers: given, body });
        request.destroy();
      }, reject);
    });
    request.end();
  });
}

async function beginningOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length >= bodyLimitBytes) break;
  }
  return Buffer.concat(chunks).subarray(0, bodyLimitBytes).toString('utf8');
}

function problemOf(error: unknown, url: URL, signal: AbortSignal): string {
  if (signal.aborted) return 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)';
  const { code, message } = error as { code?: string; message: string };
  const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
  const host = url.hostname.replaceAll(/^\[|\]$/g, '');
  return code === undefined ? message : connectionProblem(error, authority(host, port));
}
