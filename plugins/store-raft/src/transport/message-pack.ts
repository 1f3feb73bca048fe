/** Plain MessagePack with nothing in it that could surprise: checked before msgpackr sees it. */
import { Packr } from 'msgpackr';
import { malformed } from './malformed.ts';

// Without records: they need a table, and reading one compiles code. Copies: a view would keep all that came with it alive.
const packr = new Packr({ useRecords: false, variableMapSize: true, copyBuffers: true });

const maxDepth = 32;
/** Maps, arrays and their elements together; each costs the reader far more than its one byte. */
const maxValues = 200_000;

export function packPlain(value: unknown): Buffer {
  return packr.pack(value);
}

/** @throws MalformedError, or whatever msgpackr throws */
export function unpackPlain(bytes: Buffer): unknown {
  checkPlain(bytes);
  return packr.unpack(bytes);
}

// The walk of `checkPlain`: values still to come at each level; of a map twice its size, the even ones are keys.
const left = new Float64Array(maxDepth + 1);
const isMap = new Uint8Array(maxDepth + 1);

/**
 * One value of null, booleans, numbers, strings, bytes, arrays, maps with strings as keys, and undefined; not too deep, not too
 * many, and nothing behind it. Walks without recursion and allocates nothing that the bytes could make large.
 * @throws MalformedError
 */
export function checkPlain(bytes: Buffer): void {
  left[0] = 1;
  isMap[0] = 0;
  let depth = 0;
  let at = 0;
  let values = 0;
  while (depth >= 0) {
    const rest = left[depth] as number;
    if (rest === 0) {
      depth--;
      continue;
    }
    if (at >= bytes.length) malformed('it ends within a value');
    const isKey = isMap[depth] === 1 && rest % 2 === 0;
    left[depth] = rest - 1;
    if (++values > maxValues) malformed(`it has more than ${maxValues} values`);
    const token = bytes[at] as number;
    if (isKey && !isString(token)) malformed('a key of a map is not a string');
    const elements = elementsOf(bytes, at, token);
    at += headBytes(token) + bodyBytes(bytes, at, token);
    if (at > bytes.length) malformed('it ends within a value');
    if (elements < 0) continue;
    // Each element has one byte at least.
    if (elements > bytes.length - at) malformed('a list is longer than the frame');
    if (++depth > maxDepth) malformed(`it is nested deeper than ${maxDepth}`);
    left[depth] = elements;
    isMap[depth] = isMapToken(token) ? 1 : 0;
  }
  if (at < bytes.length) malformed(`${bytes.length - at} bytes are left over`);
}

function isString(token: number): boolean {
  return (token >= 0xa0 && token <= 0xbf) || (token >= 0xd9 && token <= 0xdb);
}

function isMapToken(token: number): boolean {
  return (token & 0xf0) === 0x80 || token === 0xde || token === 0xdf;
}

/** Values directly inside of an array or a map; -1 of anything else. */
function elementsOf(bytes: Buffer, at: number, token: number): number {
  if ((token & 0xf0) === 0x80) return (token & 0x0f) * 2;
  if ((token & 0xf0) === 0x90) return token & 0x0f;
  if (token < 0xdc || token > 0xdf) return -1;
  const size = token === 0xdc || token === 0xde ? unsigned(bytes, at + 1, 2) : unsigned(bytes, at + 1, 4);
  return isMapToken(token) ? size * 2 : size;
}

// Indexed by token - 0xc0: the token itself and its length field.
const heads = [1, 0, 1, 1, 2, 3, 5, 0, 0, 0, 5, 9, 2, 3, 5, 9, 2, 3, 5, 9, 3, 0, 0, 0, 0, 2, 3, 5, 3, 5, 3, 5];

function headBytes(token: number): number {
  if (token < 0xc0 || token >= 0xe0) return 1;
  const bytes = heads[token - 0xc0] as number;
  if (bytes === 0) malformed(`it has an extension (type byte 0x${token.toString(16)})`);
  return bytes;
}

/** Of strings and byte strings, what follows the head. */
function bodyBytes(bytes: Buffer, at: number, token: number): number {
  if (token >= 0xa0 && token <= 0xbf) return token & 0x1f;
  switch (token) {
    case 0xc4:
    case 0xd9:
      return unsigned(bytes, at + 1, 1);
    case 0xc5:
    case 0xda:
      return unsigned(bytes, at + 1, 2);
    case 0xc6:
    case 0xdb:
      return unsigned(bytes, at + 1, 4);
    case 0xd4:
      // The one extension: how msgpackr writes undefined.
      if (bytes[at + 1] !== 0 || bytes[at + 2] !== 0) malformed('it has an extension');
      return 0;
    default:
      return 0;
  }
}

function unsigned(bytes: Buffer, at: number, size: 1 | 2 | 4): number {
  if (at + size > bytes.length) malformed('it ends within a value');
  return bytes.readUIntBE(at, size);
}
