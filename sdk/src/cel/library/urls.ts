/** URLs: absolute ones, or absolute paths. */
import { boolType, listType, mapType, opaqueType, stringType } from '../types/type.ts';
import { CelList } from '../values/list.ts';
import { CelValueMap } from '../values/map.ts';
import { CelError, CelOpaque, type CelMeter, type CelValue } from '../values/value.ts';
import { overload, textCost, type OfSizes, type Overload } from './overload.ts';

interface Parts {
  readonly scheme: string;
  readonly host: string;
  readonly path: string;
  readonly query: string;
}

const urlType = opaqueType('kubernetes.URL');

class CelUrl extends CelOpaque {
  readonly typeName = urlType.name;
  readonly source: string;
  readonly parts: Parts;
  constructor(source: string, parts: Parts) {
    super();
    this.source = source;
    this.parts = parts;
  }
  override equals(other: CelOpaque): boolean {
    return other instanceof CelUrl && other.source === this.source;
  }
  override text(): string {
    return this.source;
  }
}

const maxLength = 64 * 1024;
/** Steps of escaping a letter, or of undoing it. */
const letterWork = 4;
const whole = /^(?:([a-zA-Z][a-zA-Z0-9+.-]*):)?(?:\/\/([^/?]*))?([^?]*)(?:\?([^]*))?$/;
const wrongEscape = /%(?![0-9a-fA-F]{2})/;
// oxlint-disable-next-line no-control-regex -- these are refused
const control = /[\x00-\x1f\x7f]/;
const goodHost = /^(\[[0-9a-fA-F:.%a-zA-Z]+\]|[^\s<>"[\]{}|\\^`#:]*)(:\d*)?$/;

const problem = (text: string, why: string): CelError =>
  new CelError(`URL parse error during conversion from string: parse ${JSON.stringify(text.slice(0, 128))}: ${why}`);

function parse(text: string): CelUrl | CelError {
  if (text.length > maxLength) return problem(text, `longer than ${maxLength} characters`);
  if (text === '') return problem(text, 'empty url');
  if (control.test(text)) return problem(text, 'invalid control character in URL');
  const match = whole.exec(text);
  const [, scheme = '', authority, path = '', query = ''] = match ?? [];
  const relative = scheme === '' && (authority !== undefined || !path.startsWith('/'));
  if (match === null || relative || (authority === undefined && !path.startsWith('/')))
    return problem(text, 'invalid URI for request');
  const host = authority === undefined ? '' : authority.slice(authority.lastIndexOf('@') + 1);
  if (!goodHost.test(host)) return problem(text, 'invalid host');
  if (wrongEscape.test(path)) return problem(text, 'invalid URL escape');
  return new CelUrl(text, { scheme: scheme.toLowerCase(), host, path, query });
}

const hostname = (host: string): string => {
  const literal = /^\[([^\]]*)\]/.exec(host);
  return literal?.[1] ?? host.replace(/:\d*$/, '');
};

/** As a path of a URL is written. */
const escapedPath = (path: string): string =>
  encodeURI(path.replace(/[\ud800-\udfff]/gu, '\ufffd'))
    .replace(/%25([0-9a-fA-F]{2})/g, '%$1')
    .replace(/#/g, '%23');

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}

/** Values by names; what is no escape is left out, as Go does. */
function queryOf({ parts }: CelUrl, meter: CelMeter): CelValue {
  const values = new Map<string, string[]>();
  meter.work(parts.query.length * letterWork);
  for (const pair of parts.query.split('&')) {
    const at = pair.indexOf('=');
    const name = decode(at < 0 ? pair : pair.slice(0, at));
    const value = at < 0 ? '' : decode(pair.slice(at + 1));
    if (pair === '' || pair.includes(';') || name === undefined || value === undefined) continue;
    values.set(name, [...(values.get(name) ?? []), value]);
  }
  const map = new CelValueMap();
  for (const [name, list] of values) map.add(name, CelList.of(list));
  return map;
}

const text: OfSizes = (size = 0) => textCost(size);
const part = (name: string, read: (parts: Parts) => string): Overload =>
  overload(name, {
    on: urlType,
    gives: stringType,
    run: (url: CelUrl, meter: CelMeter) => {
      meter.work(url.source.length * letterWork);
      return read(url.parts);
    },
  });

export const urlTypes: readonly string[] = [urlType.name];

export const urls: readonly Overload[] = [
  overload('url', { takes: [stringType], gives: urlType, cost: text, run: parse }),
  overload('isURL', {
    takes: [stringType],
    gives: boolType,
    cost: text,
    run: (value: string) => parse(value).celKind !== 'error',
  }),
  part('getScheme', ({ scheme }) => scheme),
  part('getHost', ({ host }) => host),
  part('getHostname', ({ host }) => hostname(host)),
  part('getPort', ({ host }) => /:(\d*)$/.exec(host)?.[1] ?? ''),
  part('getEscapedPath', ({ path }) => escapedPath(path)),
  overload('getQuery', { on: urlType, gives: mapType(stringType, listType(stringType)), run: queryOf }),
];
