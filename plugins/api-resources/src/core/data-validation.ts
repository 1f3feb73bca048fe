import type { Findings } from '../validation/findings.ts';
import { isObject, textOf } from '../validation/loose.ts';

export const dataLimitBytes: number = 1024 * 1024;
const keyPattern = /^[-._a-zA-Z0-9]+$/;
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Keys of ConfigMaps and Secrets: they become file names. */
function keyProblems(key: string): string[] {
  if (key.length > 253) return ['must be no more than 253 characters'];
  if (!keyPattern.test(key))
    return [
      "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name', or 'KEY_NAME', or 'key-name')",
    ];
  if (key === '.' || key === '..') return [`must not be '${key}'`];
  return key.startsWith('..') ? ["must not start with '..'"] : [];
}

/** Length of what a base64 text holds. */
function decodedBytes(text: string): number {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  return Math.floor(text.length / 4) * 3 - padding;
}

/** Checks keys and encoding, and answers how many bytes the values hold. */
export function checkData(data: unknown, path: string, encoding: 'text' | 'base64', found: Findings): number {
  if (!isObject(data)) return 0;
  let sizeBytes = 0;
  for (const [key, value] of Object.entries(data)) {
    found.problems(`${path}[${key}]`, key, keyProblems(key));
    const text = textOf(value);
    if (encoding === 'text') sizeBytes += Buffer.byteLength(text);
    else if (base64.test(text)) sizeBytes += decodedBytes(text);
    else found.invalid(`${path}[${key}]`, '<value omitted>', 'must be base64');
  }
  return sizeBytes;
}
