/** Names of DNS messages. Source: RFC 1035, 3.1 and 4.1.4. */

const longestName = 255;

/**
 * A name without compression, as questions have it. Bytes that are not printable, and dots inside of labels, are written as `\ddd`, so
 * that two names have one text only when they are equal. Undefined: malformed.
 */
export function readName(message: Buffer, start: number): { readonly text: string; readonly end: number } | undefined {
  let text = '';
  let at = start;
  for (;;) {
    const length = message[at];
    if (length === undefined || length > 63) return undefined;
    at++;
    if (length === 0) return { text, end: at };
    if (at + length > message.length || at + length - start > longestName) return undefined;
    if (text !== '') text += '.';
    for (const end = at + length; at < end; at++) text += letter(message[at] ?? 0);
  }
}

function letter(byte: number): string {
  if (byte >= 0x41 && byte <= 0x5a) return String.fromCharCode(byte + 0x20);
  if (byte > 0x20 && byte < 0x7f && byte !== 0x2e && byte !== 0x5c) return String.fromCharCode(byte);
  return `\\${String(byte).padStart(3, '0')}`;
}

/** The place after a name that may end in a pointer. Undefined: malformed. */
export function skipName(message: Buffer, start: number): number | undefined {
  let at = start;
  for (;;) {
    const length = message[at];
    if (length === undefined) return undefined;
    if (length >= 0xc0) return at + 2 <= message.length ? at + 2 : undefined;
    if (length > 63) return undefined;
    at += 1 + length;
    if (length === 0) return at;
  }
}

/** A name that may be compressed, in lower case. Pointers lead backwards only, so that it ends. Undefined: malformed. */
export function readCompressedName(message: Buffer, start: number): string | undefined {
  let text = '';
  let at = start;
  let before = start;
  for (;;) {
    const length = message[at];
    if (length === undefined) return undefined;
    if (length === 0) return text;
    if (length >= 0xc0) {
      const target = ((length & 0x3f) << 8) | (message[at + 1] ?? 0);
      if (target >= before) return undefined;
      before = target;
      at = target;
      continue;
    }
    if (length > 63 || at + 1 + length > message.length || text.length > 4 * longestName) return undefined;
    if (text !== '') text += '.';
    for (let index = at + 1; index <= at + length; index++) text += letter(message[index] ?? 0);
    at += 1 + length;
  }
}
