/** Filters of routes as behaviour. */
import type { Behaviour, HeaderChange, PathRewrite, Redirect } from '../routing/model.ts';
import type { HeaderList, HttpMatch, PathModifier, RouteFilter } from './types.ts';

/** `unsupported`: the route is not accepted, and says this. */
export type Filtered =
  | {
      readonly behaviour: Behaviour;
      readonly redirect: (Omit<Redirect, 'port'> & { readonly port?: number }) | undefined;
      readonly unsupported?: undefined;
    }
  | { readonly unsupported: string };

const headerName = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}$/;
// oxlint-disable-next-line no-control-regex
const headerValue = /^[^\u0000-\u0008\u000a-\u001f\u007f]{0,4096}$/;

function headersOf({ set = [], add = [], remove = [] }: HeaderList): HeaderChange | undefined {
  const all = [...set, ...add];
  if (![...all.map(({ name }) => name), ...remove].every((name) => headerName.test(name))) return undefined;
  if (!all.every(({ value }) => typeof value === 'string' && headerValue.test(value))) return undefined;
  const record = (list: readonly { name: string; value: string }[]): Record<string, string> =>
    Object.fromEntries(list.map(({ name, value }) => [name, value]));
  return { set: record(set), add: record(add), remove };
}

function rewriteOf(modifier: PathModifier, match: HttpMatch): PathRewrite | undefined {
  const { type, replaceFullPath, replacePrefixMatch } = modifier;
  if (type === 'ReplaceFullPath' && typeof replaceFullPath === 'string') return { kind: 'full', to: replaceFullPath };
  const isPrefix = (match.path?.type ?? 'PathPrefix') === 'PathPrefix';
  if (type !== 'ReplacePrefixMatch' || typeof replacePrefixMatch !== 'string' || !isPrefix) return undefined;
  return { kind: 'prefix', from: match.path?.value ?? '/', to: replacePrefixMatch };
}

const redirectStatuses: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const redirectHost = /^[a-z0-9.-]{1,253}$/;
const isHost = (host: unknown): boolean => typeof host === 'string' && redirectHost.test(host);
const isPort = (port: unknown): boolean => Number.isInteger(port) && Number(port) >= 1 && Number(port) <= 65_535;

function redirectOf(
  { requestRedirect = {} }: RouteFilter,
  match: HttpMatch,
): (Omit<Redirect, 'status'> & { readonly status: number }) | undefined {
  const { scheme, hostname, path, port, statusCode = 302 } = requestRedirect;
  const rewrite = path === undefined ? undefined : rewriteOf(path, match);
  const isWrong = !redirectStatuses.has(statusCode) || (path !== undefined && rewrite === undefined);
  if (isWrong || (hostname !== undefined && !isHost(hostname))) return undefined;
  if (port !== undefined && !isPort(port)) return undefined;
  if (scheme !== undefined && scheme !== 'http' && scheme !== 'https') return undefined;
  return {
    status: statusCode,
    ...(scheme === undefined ? {} : { scheme }),
    ...(hostname === undefined ? {} : { hostname }),
    ...(port === undefined ? {} : { port }),
    ...(rewrite === undefined ? {} : { path: rewrite }),
  };
}

function merged(before: HeaderChange | undefined, more: HeaderChange): HeaderChange {
  return {
    set: { ...before?.set, ...more.set },
    add: { ...before?.add, ...more.add },
    remove: [...(before?.remove ?? []), ...(more.remove ?? [])],
  };
}

/** What the filters of a rule, for one of its matches, or of a backend make of a request. */
export function applyFilters(filters: readonly RouteFilter[], match: HttpMatch, base: Behaviour = {}): Filtered {
  let behaviour = base;
  let redirect: ReturnType<typeof redirectOf>;
  for (const filter of filters) {
    const { type, requestHeaderModifier = {}, responseHeaderModifier = {}, urlRewrite = {} } = filter;
    if (type === 'RequestHeaderModifier' || type === 'ResponseHeaderModifier') {
      const isRequest = type === 'RequestHeaderModifier';
      const change = headersOf(isRequest ? requestHeaderModifier : responseHeaderModifier);
      if (change === undefined) return { unsupported: `a ${type} has a header that is none` };
      behaviour = isRequest
        ? { ...behaviour, requestHeaders: merged(behaviour.requestHeaders, change) }
        : { ...behaviour, responseHeaders: merged(behaviour.responseHeaders, change) };
    } else if (type === 'URLRewrite') {
      const { hostname, path } = urlRewrite;
      const rewrite = path === undefined ? undefined : rewriteOf(path, match);
      const isWrong = (path !== undefined && rewrite === undefined) || (hostname !== undefined && !isHost(hostname));
      if (isWrong) return { unsupported: 'a URLRewrite has a hostname or path that cannot be used with its match' };
      behaviour = {
        ...behaviour,
        ...(hostname === undefined ? {} : { hostname }),
        ...(rewrite === undefined ? {} : { path: rewrite }),
      };
    } else if (type === 'RequestRedirect') {
      redirect = redirectOf(filter, match);
      if (redirect === undefined)
        return { unsupported: 'a RequestRedirect has a scheme, hostname, port, path or status that cannot be used' };
    } else return { unsupported: `filters of the type ${type} are not served` };
  }
  return { behaviour, redirect };
}
