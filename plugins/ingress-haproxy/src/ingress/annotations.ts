/** What annotations of an Ingress change. */
import type { Ingress } from '@timonel/sdk/kube';
import type { Behaviour } from '../routing/model.ts';

const prefix = 'ingress.timonel.dev/';

export interface IngressSettings {
  readonly behaviour: Behaviour;
  readonly redirectsToTls: boolean;
  /** Replaces what a path matched. */
  readonly rewriteTo: string | undefined;
  /** What is wrong. */
  readonly findings: readonly string[];
}

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const longestMs = 24 * 3_600_000;

/** `500ms`, `30s`, `2m`, `1h`. Undefined: it is none, or longer than a day. */
export function durationMs(text: string): number | undefined {
  const [, number, unit] = /^(\d{1,9})(ms|s|m|h)$/.exec(text) ?? [];
  const ms = Number(number) * (units[unit ?? ''] ?? Number.NaN);
  return ms >= 1 && ms <= longestMs ? ms : undefined;
}

const cookieName = /^[A-Za-z0-9_.-]{1,64}$/;
const mostRetries = 10;

export function settingsOf({ metadata: { annotations = {} } }: Ingress): IngressSettings {
  const findings: string[] = [];
  const read = <T>(name: string, wanted: string, parse: (text: string) => T | undefined): T | undefined => {
    const text = annotations[`${prefix}${name}`];
    if (text === undefined) return undefined;
    const value = parse(text.trim());
    if (value === undefined) findings.push(`the annotation ${prefix}${name} must be ${wanted}`);
    return value;
  };
  const timeoutMs = read('timeout', 'a duration such as 30s', durationMs);
  const connectTimeoutMs = read('connect-timeout', 'a duration such as 2s', durationMs);
  const cookie = read('affinity-cookie', 'the name of a cookie', (text) => (cookieName.test(text) ? text : undefined));
  const retries = read('retries', `a number from 0 to ${mostRetries}`, (text) =>
    /^\d{1,2}$/.test(text) && Number(text) <= mostRetries ? Number(text) : undefined,
  );
  const redirect = read('ssl-redirect', '"true" or "false"', (text) => ({ true: true, false: false })[text]);
  const rewriteTo = read('rewrite-prefix', 'a path that begins with a slash', (text) =>
    text.startsWith('/') ? text : undefined,
  );
  for (const name of Object.keys(annotations)) {
    if (name.startsWith(prefix) && !known.has(name.slice(prefix.length)))
      findings.push(`the annotation ${name} is not known`);
  }
  const behaviour = {
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(connectTimeoutMs === undefined ? {} : { connectTimeoutMs }),
    ...(cookie === undefined ? {} : { cookie }),
    ...(retries === undefined ? {} : { retries }),
  };
  return { behaviour, redirectsToTls: redirect === true, rewriteTo, findings };
}

const known: ReadonlySet<string> = new Set([
  'timeout',
  'connect-timeout',
  'affinity-cookie',
  'retries',
  'ssl-redirect',
  'rewrite-prefix',
]);
