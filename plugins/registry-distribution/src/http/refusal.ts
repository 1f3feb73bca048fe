/** Answers that are not what was asked for, in words. */
import type { Clock, Env } from '@timonel/sdk';
import type { RegistryConfig } from '../config.ts';
import { RegistryFailure, shown, type FailureKind } from '../failure.ts';
import { discard, header, readBody, type Answer } from './answer.ts';

interface ReportedError {
  readonly code?: unknown;
  readonly message?: unknown;
}

const bodyLimitBytes = 64 * 1024;
const bodyTimeoutMs = 5000;

/** What the registry itself says: `CODE: message` of up to three errors; empty: nothing readable. */
function reported(body: Buffer): string {
  try {
    const { errors } = JSON.parse(body.toString('utf8')) as { errors?: unknown };
    if (!Array.isArray(errors)) return '';
    return (errors as readonly (ReportedError | null)[])
      .slice(0, 3)
      .map((error) =>
        [error?.code, error?.message].filter((part) => typeof part === 'string' && part !== '').join(': '),
      )
      .filter((text) => text !== '')
      .map((text) => shown(text))
      .join('; ');
  } catch {
    return '';
  }
}

function kindOf(status: number): FailureKind {
  if (status === 401 || status === 403) return 'denied';
  return status === 408 || status === 429 || status >= 500 ? 'busy' : 'refused';
}

const advices: Readonly<Record<number, string>> = {
  401: 'give credentials for it (an image pull secret, or a file in credentialFiles), or correct them',
  403: 'these credentials lack the right: use others, or have it granted',
  404: 'check the name and the tag; some registries hide private images so',
  413: 'it or a proxy before it limits requests: set uploadChunkBytes',
  429: 'it limits how often it is asked: try later, with credentials, or through a mirror',
};

/** `Retry-After`: seconds, or a date. */
function retryAfter(answer: Answer, clock: Clock): number | undefined {
  const text = header(answer, 'retry-after').trim();
  if (/^[0-9]{1,9}$/.test(text)) return Number(text) * 1000;
  const at = text === '' ? Number.NaN : Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(0, at - clock.now());
}

/** Reads the answer to its end. `signal` ends only the reading. */
export async function refusalOf(
  answer: Answer,
  { env, config }: { readonly env: Env; readonly config: Pick<RegistryConfig, 'requestTimeoutMs'> },
  signal: AbortSignal | undefined,
): Promise<RegistryFailure> {
  const { status, url, crossed } = answer;
  let said = '';
  // Words of a host that the registry only pointed at are not shown: it may be one that the registry cannot see itself.
  if (crossed) discard(answer);
  else {
    const limits = {
      timeoutMs: Math.min(bodyTimeoutMs, config.requestTimeoutMs),
      limitBytes: bodyLimitBytes,
      what: 'the answer',
      signal,
    };
    said = await readBody(answer, limits).then(reported, () => '');
  }
  const retryAfterMs = retryAfter(answer, env.clock);
  const wait = retryAfterMs === undefined ? '' : `, and asks to wait ${Math.ceil(retryAfterMs / 1000)} s`;
  const message = `${url.host} answered ${status}${said === '' ? '' : ` (${said})`}${wait}`;
  const advice = advices[status] ?? (status >= 500 ? 'try later, or look at the log of the registry' : '');
  return new RegistryFailure(kindOf(status), message, {
    status,
    advice,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}
