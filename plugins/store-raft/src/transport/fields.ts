/** Checks of what MessagePack gave. @throws MalformedError each */
import { malformed } from './malformed.ts';

export function listField(value: unknown, what: string, maxLength: number): readonly unknown[] {
  if (!Array.isArray(value)) malformed(`${what} is not a list`);
  if (value.length > maxLength) malformed(`${what} has ${value.length} elements, more than ${maxLength}`);
  return value;
}

/** A list of exactly so many elements. */
export function tupleField(value: unknown, what: string, length: number): readonly unknown[] {
  const list = listField(value, what, length);
  if (list.length !== length) malformed(`${what} has ${list.length} elements, not ${length}`);
  return list;
}

/** A whole number from 0 to 2^53 - 1. */
export function countField(value: unknown, what: string): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0)
    malformed(`${what} is not a whole number from 0 to 2^53 - 1`);
  return value as number;
}

export function flagField(value: unknown, what: string): boolean {
  if (typeof value !== 'boolean') malformed(`${what} is neither true nor false`);
  return value;
}

export function textField(value: unknown, what: string, maxBytes: number): string {
  if (typeof value !== 'string') malformed(`${what} is not a text`);
  if (value.length > maxBytes || Buffer.byteLength(value) > maxBytes)
    malformed(`${what} is longer than ${maxBytes} bytes`);
  return value;
}

/** A text that names something: not empty. */
export function nameField(value: unknown, what: string, maxBytes: number): string {
  const text = textField(value, what, maxBytes);
  if (text === '') malformed(`${what} is empty`);
  return text;
}
