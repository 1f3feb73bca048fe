/** The backends of a configuration: what happens to a request once its route is known. */
import { createHash } from 'node:crypto';
import type { Behaviour, Choice, HeaderChange, PathRewrite, Redirect, Target, Upstream } from '../routing/model.ts';
import type { Slot } from './slots.ts';
import { literalFormat, literalPattern, word } from './words.ts';

/** A backend: its name says what it does, so that an unchanged one keeps it. */
export interface Section {
  readonly name: string;
  /** Lines without servers. */
  readonly lines: readonly string[];
  /** Whose endpoints its servers are; undefined: it has none. */
  readonly upstream: Upstream | undefined;
}

/** With the endpoints of these, where it is one of them. */
export function withUpstream(section: Section, upstreams: ReadonlyMap<string, Upstream>): Section {
  const upstream = section.upstream === undefined ? undefined : upstreams.get(section.upstream.id);
  return upstream === undefined ? section : { ...section, upstream };
}

const idempotent = 'GET HEAD OPTIONS TRACE PUT DELETE';

function nameOf(kind: string, content: unknown): string {
  return `${kind}-${createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 20)}`;
}

function headerLines(rule: 'http-request' | 'http-response', change: HeaderChange | undefined): string[] {
  const { set = {}, add = {}, remove = [] } = change ?? {};
  return [
    ...Object.entries(set).map(([name, value]) => `${rule} set-header ${word(name)} ${literalFormat(value)}`),
    ...Object.entries(add).map(([name, value]) => `${rule} add-header ${word(name)} ${literalFormat(value)}`),
    ...remove.map((name) => `${rule} del-header ${word(name)}`),
  ];
}

export function pathLines(rewrite: PathRewrite | undefined): string[] {
  if (rewrite === undefined) return [];
  if (rewrite.kind === 'full') return [`http-request set-path ${literalFormat(rewrite.to === '' ? '/' : rewrite.to)}`];
  const from = rewrite.from.replace(/\/+$/, '');
  const to = rewrite.to.replace(/\/+$/, '');
  const replace = (pattern: string, by: string): string =>
    `http-request replace-path ${word(`^${literalPattern(from)}${pattern}$`)} ${by}`;
  if (to !== '') return [replace('(/.*)?', `${literalFormat(to)}\\\\1`)];
  // The second rule may leave a path that is the prefix again.
  return [...(from === '' ? [] : [replace('', '/')]), replace('(/.*)', '\\\\1')];
}

function behaviourLines(behaviour: Behaviour): string[] {
  const { timeoutMs, connectTimeoutMs, cookie, retries = 2, hostname } = behaviour;
  return [
    ...(timeoutMs === undefined ? [] : [`timeout server ${timeoutMs}ms`]),
    ...(connectTimeoutMs === undefined ? [] : [`timeout connect ${connectTimeoutMs}ms`]),
    `retries ${retries}`,
    `http-request disable-l7-retry if !{ method ${idempotent} }`,
    ...(cookie === undefined
      ? []
      : [
          'dynamic-cookie-key timonel',
          `cookie ${word(cookie)} insert indirect nocache dynamic httponly attr SameSite=Lax`,
        ]),
    ...(hostname === undefined ? [] : [`http-request set-header Host ${literalFormat(hostname)}`]),
    ...headerLines('http-request', behaviour.requestHeaders),
    ...pathLines(behaviour.path),
    ...headerLines('http-response', behaviour.responseHeaders),
  ];
}

function choiceSection({ upstream, behaviour }: Choice, upstreams: ReadonlyMap<string, Upstream>): Section {
  if (upstream === undefined) return statusSection(500);
  const found = upstreams.get(upstream);
  const lines = ['balance random', ...behaviourLines(behaviour)];
  return { name: nameOf('pods', [upstream, found?.protocol, lines]), lines, upstream: found };
}

function redirectSection(redirect: Redirect): Section {
  const { status, scheme, hostname, port, path } = redirect;
  const start = scheme === undefined ? '%[ssl_fc,iif(https,http)]' : scheme;
  const host = hostname === undefined ? '%[var(txn.host)]' : literalFormat(hostname);
  const place = `${start}://${host}${port === undefined ? '' : `:${port}`}%[pathq]`;
  const lines = [...pathLines(path), `http-request redirect code ${status} location ${place}`];
  return { name: nameOf('redirect', lines), lines, upstream: undefined };
}

const statusTexts = { 404: 'no route leads here', 500: 'the route leads nowhere', 503: 'nothing serves this' } as const;

export function statusSection(status: 404 | 500 | 503): Section {
  const text = word(`${statusTexts[status]}\n`);
  const lines = [`http-request return status ${status} content-type text/plain string ${text}`];
  return { name: `status-${status}`, lines, upstream: undefined };
}

/** The sections of a target with their weights. */
export function sectionsOf(
  target: Target,
  upstreams: ReadonlyMap<string, Upstream>,
): readonly { readonly section: Section; readonly weight: number }[] {
  switch (target.kind) {
    case 'redirect':
      return [{ section: redirectSection(target.redirect), weight: 1 }];
    case 'status':
      return [{ section: statusSection(target.status), weight: 1 }];
    case 'choices':
      return target.choices.map((choice) => ({ section: choiceSection(choice, upstreams), weight: choice.weight }));
  }
}

const protocolOptions = { http: '', h2c: ' proto h2', https: ' ssl verify none sni var(txn.host)' } as const;

/** `slots`: the servers. */
export function sectionText({ name, lines, upstream }: Section, slots: readonly Slot[]): string[] {
  const options = upstream === undefined ? '' : protocolOptions[upstream.protocol];
  return [
    `backend ${name}`,
    ...lines.map((line) => `  ${line}`),
    ...slots.map((slot, index) => {
      const place = slot === undefined ? '127.0.0.1:1' : hostPort(slot.address, slot.port);
      return `  server s${index} ${place}${options}${slot === undefined ? ' disabled' : ''}`;
    }),
  ];
}

function hostPort(address: string, port: number): string {
  return address.includes(':') ? `ipv6@${address}:${port}` : `${address}:${port}`;
}
