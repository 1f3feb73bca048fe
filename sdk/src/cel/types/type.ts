/** Types of CEL. Those made from a schema also say how large values get, and how JSON of them is read. */

/** What a schema says about the values of a type; types that differ in nothing else are the same type. */
interface FromSchema {
  /** `null` is allowed. */
  readonly nullable?: boolean;
}

export interface CelSimpleType extends FromSchema {
  readonly kind: 'null' | 'bool' | 'int' | 'uint' | 'double' | 'timestamp' | 'duration' | 'error';
}
export interface CelTextType extends FromSchema {
  readonly kind: 'string' | 'bytes' | 'dyn';
  readonly maxLength?: number;
}
export interface CelListType extends FromSchema {
  readonly kind: 'list';
  readonly element: CelType;
  readonly maxItems?: number;
  /** `x-kubernetes-list-type`: equality and `+` of sets and maps ignore the order. */
  readonly listType?: 'atomic' | 'set' | 'map';
  /** `x-kubernetes-list-map-keys`, names as in JSON. */
  readonly mapKeys?: readonly string[];
}
export interface CelMapType extends FromSchema {
  readonly kind: 'map';
  readonly key: CelType;
  readonly value: CelType;
  readonly maxProperties?: number;
}
export interface CelField {
  /** Name in JSON. */
  readonly name: string;
  readonly type: CelType;
}
export interface CelObjectType extends FromSchema {
  readonly kind: 'object';
  readonly name: string;
  /** By the names that expressions use (see `escapeName`); absent: every name is a field of type dyn. */
  readonly fields?: ReadonlyMap<string, CelField>;
}
export interface CelWrappingType extends FromSchema {
  readonly kind: 'optional' | 'type';
  readonly of: CelType;
}
/** Types of libraries, such as `kubernetes.URL`; type parameters of functions. */
export interface CelNamedType extends FromSchema {
  readonly kind: 'opaque' | 'param';
  readonly name: string;
}
export type CelType =
  | CelSimpleType
  | CelTextType
  | CelListType
  | CelMapType
  | CelObjectType
  | CelWrappingType
  | CelNamedType;

export const nullType: CelSimpleType = { kind: 'null' };
export const boolType: CelSimpleType = { kind: 'bool' };
export const intType: CelSimpleType = { kind: 'int' };
export const uintType: CelSimpleType = { kind: 'uint' };
export const doubleType: CelSimpleType = { kind: 'double' };
export const stringType: CelTextType = { kind: 'string' };
export const bytesType: CelTextType = { kind: 'bytes' };
export const timestampType: CelSimpleType = { kind: 'timestamp' };
export const durationType: CelSimpleType = { kind: 'duration' };
/** Known when the expression runs. */
export const dynType: CelTextType = { kind: 'dyn' };
export const errorType: CelSimpleType = { kind: 'error' };

export const listType = (element: CelType): CelListType => ({ kind: 'list', element });
export const mapType = (key: CelType, value: CelType): CelMapType => ({ kind: 'map', key, value });
export const optionalType = (of: CelType): CelWrappingType => ({ kind: 'optional', of });
export const typeType = (of: CelType): CelWrappingType => ({ kind: 'type', of });
export const opaqueType = (name: string): CelNamedType => ({ kind: 'opaque', name });
export const paramType = (name: string): CelNamedType => ({ kind: 'param', name });

/** An object with these fields; without fields: with any, of type dyn. */
export function objectType(name: string, fields?: Readonly<Record<string, CelType>>): CelObjectType {
  if (fields === undefined) return { kind: 'object', name };
  const entries = Object.entries(fields).map(([field, type]) => [field, { name: field, type }] as const);
  return { kind: 'object', name, fields: new Map(entries) };
}

const simpleNames: Partial<Record<CelType['kind'], string>> = {
  null: 'null',
  timestamp: 'timestamp',
  duration: 'duration',
  error: '!error!',
};

/** As error messages name it: `map(string, list(int))`. */
export function typeName(type: CelType): string {
  switch (type.kind) {
    case 'list':
      return `list(${typeName(type.element)})`;
    case 'map':
      return `map(${typeName(type.key)}, ${typeName(type.value)})`;
    case 'optional':
      return `optional_type(${typeName(type.of)})`;
    case 'type':
      return `type(${typeName(type.of)})`;
    case 'object':
    case 'opaque':
    case 'param':
      return type.name;
    default:
      return simpleNames[type.kind] ?? type.kind;
  }
}
