/** Values while expressions run: JSON is wrapped lazily, see `json.ts`. */
import type { CelType } from '../types/type.ts';
import type { CelList } from './list.ts';
import type { CelMap } from './map.ts';
import type { CelObject } from './object.ts';

/** int: bigint; double: number; bytes: Uint8Array; what else is no primitive says by `celKind` what it is. */
export type CelValue =
  | null
  | boolean
  | bigint
  | number
  | string
  | Uint8Array
  | CelUint
  | CelTimestamp
  | CelDuration
  | CelList
  | CelMap
  | CelObject
  | CelTypeValue
  | CelOptional
  | CelOpaque
  | CelError;

export class CelUint {
  readonly celKind = 'uint';
  readonly value: bigint;
  constructor(value: bigint) {
    this.value = value;
  }
}

export class CelTimestamp {
  readonly celKind = 'timestamp';
  /** Since 1970, UTC. */
  readonly nanos: bigint;
  constructor(nanos: bigint) {
    this.nanos = nanos;
  }
}

export class CelDuration {
  readonly celKind = 'duration';
  readonly nanos: bigint;
  constructor(nanos: bigint) {
    this.nanos = nanos;
  }
}

export class CelTypeValue {
  readonly celKind = 'type';
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

export class CelOptional {
  readonly celKind = 'optional';
  /** Undefined: none. */
  readonly value: CelValue | undefined;
  constructor(value?: CelValue) {
    this.value = value;
  }
}

/** Values of libraries, such as quantities. */
export abstract class CelOpaque {
  readonly celKind = 'opaque';
  /** As `type(x)` says it. */
  abstract readonly typeName: string;
  /** `other` is of the same type. */
  abstract equals(other: CelOpaque): boolean;
  /** For `string(x)` and JSON. */
  abstract text(): string;
}

/** Travels like a value until `&&` or `||` absorb it, or it is the result. */
export class CelError {
  readonly celKind = 'error';
  readonly message: string;
  constructor(message: string) {
    this.message = message;
  }
}

export const isError = (value: CelValue): value is CelError => value instanceof CelError;

/** What no overload of a function takes. */
export const noSuchOverload = (): CelError => new CelError('no such overload');

export const noOptional: CelOptional = new CelOptional();

/** Steps of looking at a list, map or object; of keeping an element. */
export const nodeWork = 20;
export const elementWork = 8;

/** Functions that do more than they cost say so to it; ends the evaluation beyond a bound. */
export interface CelMeter {
  work(steps: number): void;
  /** What a host says, asked once for each key; where it answers later, the evaluation ends and begins anew then. */
  answer(key: string, ask: () => unknown): unknown;
}

const classNames: Record<string, string> = {
  uint: 'uint',
  timestamp: 'google.protobuf.Timestamp',
  duration: 'google.protobuf.Duration',
  list: 'list',
  map: 'map',
  type: 'type',
  optional: 'optional_type',
  error: 'error',
};

/** Name of the type of a value, as `type(x)` says it. */
export function typeNameOf(value: CelValue): string {
  switch (typeof value) {
    case 'boolean':
      return 'bool';
    case 'bigint':
      return 'int';
    case 'number':
      return 'double';
    case 'string':
      return 'string';
    default:
  }
  if (value === null) return 'null_type';
  if (value instanceof Uint8Array) return 'bytes';
  if (value.celKind === 'opaque') return value.typeName;
  if (value.celKind === 'object') return value.type.name;
  return classNames[value.celKind] ?? value.celKind;
}

const kindNames: Partial<Record<CelType['kind'], string>> = {
  null: 'null_type',
  timestamp: 'google.protobuf.Timestamp',
  duration: 'google.protobuf.Duration',
  optional: 'optional_type',
};

/** Name of a declared type as `type(x)` says it of its values. */
export function runtimeNameOf(type: CelType): string {
  if (type.kind === 'object' || type.kind === 'opaque') return type.name;
  return kindNames[type.kind] ?? type.kind;
}

/** Whether a value may be an argument of the type. */
export function isOfType(value: CelValue, type: CelType): boolean {
  if (type.kind === 'dyn' || type.kind === 'param') return true;
  if (type.kind === 'object' && typeof value === 'object' && value !== null && 'celKind' in value)
    return value.celKind === 'object';
  return typeNameOf(value) === runtimeNameOf(type);
}
