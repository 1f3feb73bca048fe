/** JSON as values, and values as JSON. */
import { dynType, type CelType } from '../types/type.ts';
import { CelList } from './list.ts';
import { CelJsonMap } from './map.ts';
import { CelJsonObject } from './object.ts';
import { durationFrom, timestampFrom } from './time.ts';
import { CelError, CelOptional, noOptional, type CelValue } from './value.ts';

type Json = Readonly<Record<string, unknown>>;

const misfit = (raw: unknown, expected: string): CelError => {
  const found = raw === null ? 'null' : Array.isArray(raw) ? 'array' : typeof raw;
  return new CelError(`invalid data, expected ${expected} to match the provided schema, but got ${found}`);
};

const dynList = { kind: 'list', element: dynType } as const;

function fromUntyped(raw: unknown): CelValue {
  switch (typeof raw) {
    case 'string':
    case 'boolean':
      return raw;
    case 'number':
      return Number.isSafeInteger(raw) ? BigInt(raw) : raw;
    case 'object':
      if (raw === null) return null;
      return Array.isArray(raw) ? new CelList(raw, dynList) : new CelJsonMap(raw as Json, dynType);
    default:
      return misfit(raw, 'JSON');
  }
}

const base64 = /^[A-Za-z0-9+/]*={0,2}$/;

function fromText(raw: string, type: CelType): CelValue {
  switch (type.kind) {
    case 'string':
      return raw;
    case 'bytes':
      return base64.test(raw) ? new Uint8Array(Buffer.from(raw, 'base64')) : misfit(raw, 'base64');
    case 'timestamp':
      // A date is the start of the day.
      return timestampFrom(/^\d{4}-\d\d-\d\d$/.test(raw) ? `${raw}T00:00:00Z` : raw);
    case 'duration':
      return durationFrom(raw);
    default:
      return misfit(raw, type.kind);
  }
}

function fromNumber(raw: number, type: CelType): CelValue {
  if (type.kind === 'double') return raw;
  if (type.kind === 'int' && Number.isInteger(raw) && Math.abs(raw) < 2 ** 63) return BigInt(raw);
  return misfit(raw, type.kind);
}

function fromObject(raw: object, type: CelType): CelValue {
  if (Array.isArray(raw)) return type.kind === 'list' ? new CelList(raw, type) : misfit(raw, type.kind);
  if (type.kind === 'object') return new CelJsonObject(type, raw as Json);
  if (type.kind === 'map') return new CelJsonMap(raw as Json, type.value);
  return misfit(raw, type.kind);
}

/** Cheap: fields and elements are wrapped when they are looked at. What is a value already is left as it is; no optional value: null. */
export function fromJson(raw: unknown, type: CelType): CelValue {
  if (typeof raw === 'bigint') return raw;
  if (typeof raw === 'object' && raw !== null && ('celKind' in raw || raw instanceof Uint8Array))
    return asValue(raw, type);
  if (type.kind === 'dyn' || type.kind === 'param') return fromUntyped(raw);
  if (type.kind === 'optional') return raw === null ? noOptional : new CelOptional(fromJson(raw, type.of));
  switch (typeof raw) {
    case 'string':
      return fromText(raw, type);
    case 'number':
      return fromNumber(raw, type);
    case 'boolean':
      return type.kind === 'bool' ? raw : misfit(raw, type.kind);
    case 'object':
      if (raw !== null) return fromObject(raw, type);
      return type.nullable === true || type.kind === 'null'
        ? null
        : new CelError('invalid data, got null for schema with nullable=false');
    default:
      return misfit(raw, type.kind);
  }
}

/** JSON may have a field `celKind` of its own: values are told by their prototypes. */
function asValue(raw: object, type: CelType): CelValue {
  const prototype: unknown = Object.getPrototypeOf(raw);
  if (Object.hasOwn(raw, 'celKind') && (prototype === Object.prototype || prototype === null))
    return type.kind === 'dyn' || type.kind === 'param' ? fromUntyped(raw) : fromObject(raw, type);
  return raw as CelValue;
}
