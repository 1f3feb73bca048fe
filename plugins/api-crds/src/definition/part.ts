/** Reading what users wrote: whatever has the wrong form reads as empty. */
import { isJson, type Json } from '../schema/schema.ts';

export function objectIn(value: unknown, name: string): Json {
  const member = isJson(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  return isJson(member) ? member : {};
}

export function textIn(value: unknown, name: string): string {
  const member = isJson(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  return typeof member === 'string' ? member : '';
}

export function listIn(value: unknown, name: string): readonly unknown[] {
  const member = isJson(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  return Array.isArray(member) ? member : [];
}
