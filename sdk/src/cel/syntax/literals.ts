/** Literals: numbers, strings and bytes. */
import { CelUint, type CelValue } from '../values/value.ts';
import { CelSyntaxError } from './problem.ts';

const maxInt = 2n ** 63n - 1n;
const maxUint = 2n ** 64n - 1n;

export function numberLiteral(text: string, negative: boolean, at: number): CelValue {
  if (/[uU]$/.test(text)) {
    const value = BigInt(text.slice(0, -1));
    if (value > maxUint || negative) throw new CelSyntaxError('Syntax error: invalid uint literal', at);
    return new CelUint(value);
  }
  if (/^(0[xX][0-9a-fA-F]+|\d+)$/.test(text)) {
    const value = negative ? -BigInt(text) : BigInt(text);
    if (value > maxInt || value < -maxInt - 1n) throw new CelSyntaxError('Syntax error: invalid int literal', at);
    return value;
  }
  const value = Number(text);
  if (!Number.isFinite(value)) throw new CelSyntaxError('Syntax error: invalid double literal', at);
  return negative ? -value : value;
}

const simpleEscapes: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  '?': '?',
  '"': '"',
  "'": "'",
  '`': '`',
};

const escape =
  /\\(?:([abfnrtv\\?"'`])|[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|([^]?))/g;

/** A code point of a string, an octet of bytes. */
function numeric(text: string, radix: number, at: number): string {
  const code = Number.parseInt(text, radix);
  if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
    throw new CelSyntaxError('Syntax error: invalid unicode code point', at);
  return String.fromCodePoint(code);
}

function unescape(body: string, isBytes: boolean, at: number): string {
  return body.replace(
    escape,
    (_whole, simple?: string, hex?: string, short?: string, long?: string, octal?: string, wrong?: string) => {
      if (simple !== undefined) return simpleEscapes[simple] ?? '';
      if (wrong !== undefined) throw new CelSyntaxError('Syntax error: unable to unescape string', at);
      const unicode = short ?? long;
      if (unicode === undefined) return numeric(hex ?? octal ?? '0', hex === undefined ? 8 : 16, at);
      if (isBytes) throw new CelSyntaxError('Syntax error: unable to unescape string', at);
      return numeric(unicode, 16, at);
    },
  );
}

/** Octets where escapes stand, UTF-8 elsewhere. */
function bytesOf(body: string, raw: boolean, at: number): Uint8Array {
  if (raw) return new Uint8Array(Buffer.from(body, 'utf8'));
  const pieces = body.split(/(\\(?:[xX][0-9a-fA-F]{2}|[0-3][0-7]{2}|[^]))/);
  const parts = pieces.map((piece) => {
    const octet = /^\\(?:[xX]..|\d)/.test(piece);
    const text = unescape(piece, true, at);
    return octet ? Buffer.from(text, 'latin1') : Buffer.from(text, 'utf8');
  });
  return new Uint8Array(Buffer.concat(parts));
}

/** With its prefix and quotes. */
export function textLiteral(token: string, at: number): CelValue {
  const prefix = /^[a-zA-Z]*/.exec(token)?.[0].toLowerCase() ?? '';
  const quoted = token.slice(prefix.length);
  const width = quoted.length >= 6 && /^("""|''')/.test(quoted) ? 3 : 1;
  const body = quoted.slice(width, -width).replaceAll('\r\n', '\n');
  const raw = prefix.includes('r');
  if (prefix.includes('b')) return bytesOf(body, raw, at);
  return raw ? body : unescape(body, false, at);
}
