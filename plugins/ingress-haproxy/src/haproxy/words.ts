/** Texts of users in a configuration of haproxy: nothing in them has a meaning there. */

const plain = /[A-Za-z0-9_./:@=-]/;

function bytes(text: string, each: (character: string, byte: number) => string): string {
  return [...Buffer.from(text, 'utf8')].map((byte) => each(String.fromCharCode(byte), byte)).join('');
}

const hexOf = (byte: number): string => byte.toString(16).padStart(2, '0');

/** As one word. */
export function word(text: string): string {
  if (text === '') return '""';
  return bytes(text, (character, byte) => (plain.test(character) ? character : `\\x${hexOf(byte)}`));
}

/** As a format of its own, in which nothing is replaced. */
export function literalFormat(text: string): string {
  return word(text.replaceAll('%', '%%'));
}

/** As the converter `hex` shows it. */
export function hex(text: string): string {
  return Buffer.from(text, 'utf8').toString('hex').toUpperCase();
}

/** As a regular expression that matches just this. */
export function literalPattern(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9_/-]/g, (character) => `\\${character}`);
}

/** As requests carry paths: one word of visible ASCII. What is percent-encoded already stays so. */
export function encodedPath(path: string): string {
  return bytes(path, (character, byte) => (byte > 0x20 && byte < 0x7f ? character : `%${hexOf(byte).toUpperCase()}`));
}

/** Bytes of a path as requests carry it: with more it fits into no request, nor into a line of a map. */
export const longestPath = 8_000;

export function isLongPath(path: string): boolean {
  return encodedPath(path).length > longestPath;
}
