/**
 * Decodes the protobuf form of Kubernetes objects, which kubectl sends for `create` of built-in kinds. The envelope is the four
 * bytes `k8s\0` and a `runtime.Unknown` message (k8s.io/apimachinery, pkg/runtime/generated.proto); field numbers of the kinds
 * are in `field-table.ts`. Answers are always JSON, which those clients accept.
 */
import { fieldTable } from './field-table.ts';

/** A body that is not what it says. Recognise it by `name`. */
export class ProtobufError extends Error {
  override readonly name: string = 'ProtobufError';
}

/** Messages deeper than this are refused: no kind comes near it. */
const depthLimit = 64;
const magic = Buffer.from('k8s\0', 'latin1');

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** As a signed 64-bit number. @throws ProtobufError beyond 2^53, which JSON numbers cannot hold */
  varint(): number {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) throw new ProtobufError('the message ends in the middle of a number');
      this.#at += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if ((byte & 0x80) === 0) {
        const signed = Number(BigInt.asIntN(64, value));
        if (!Number.isSafeInteger(signed)) throw new ProtobufError('a number is too large');
        return signed;
      }
    }
    throw new ProtobufError('a number has more than ten bytes');
  }

  take(length: number): Buffer {
    const end = this.#at + length;
    if (length < 0 || end > this.#bytes.length) throw new ProtobufError('the message is shorter than it says');
    const part = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return part;
  }

  /** The next field: its number, and its value as the wire type gives it. */
  field(): { number: number; value: number | Buffer } {
    const tag = this.varint();
    const number = Math.floor(tag / 8);
    switch (tag % 8) {
      case 0:
        return { number, value: this.varint() };
      case 1:
        return { number, value: this.take(8) };
      case 2:
        return { number, value: this.take(this.varint()) };
      case 5:
        return { number, value: this.take(4) };
      default:
        throw new ProtobufError(`wire type ${tag % 8} is not in use`);
    }
  }
}

function* fieldsIn(bytes: Buffer): Generator<{ number: number; value: number | Buffer }> {
  const reader = new Reader(bytes);
  while (!reader.done) yield reader.field();
}

const asBytes = (value: number | Buffer): Buffer => {
  if (typeof value === 'number') throw new ProtobufError('a number where bytes are due');
  return value;
};

const asNumber = (value: number | Buffer): number => {
  if (typeof value !== 'number') throw new ProtobufError('bytes where a number is due');
  return value;
};

const utf8 = new TextDecoder('utf-8', { fatal: true });

function asText(value: number | Buffer): string {
  try {
    return utf8.decode(asBytes(value));
  } catch {
    throw new ProtobufError('a text is not UTF-8');
  }
}

/** Numbers of a small message by field number. */
function numbersOf(bytes: Buffer): Map<number, number | Buffer> {
  return new Map([...fieldsIn(bytes)].map(({ number, value }) => [number, value]));
}

/** metav1.Time and MicroTime: seconds and nanoseconds since the epoch. Empty: no time. */
function time(bytes: Buffer, micro: boolean): string | undefined {
  const parts = numbersOf(bytes);
  if (parts.size === 0) return undefined;
  const seconds = asNumber(parts.get(1) ?? 0);
  const nanos = asNumber(parts.get(2) ?? 0);
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) throw new ProtobufError('a time is out of range');
  const text = date.toISOString().slice(0, 19);
  return micro ? `${text}.${String(Math.floor(nanos / 1000)).padStart(6, '0')}Z` : `${text}Z`;
}

/** The messages whose JSON form is no object. */
const special: Readonly<Record<string, (bytes: Buffer) => unknown>> = {
  'meta/v1.Time': (bytes) => time(bytes, false),
  'meta/v1.MicroTime': (bytes) => time(bytes, true),
  'api/resource.Quantity': (bytes) => asText(numbersOf(bytes).get(1) ?? Buffer.alloc(0)),
  'util/intstr.IntOrString': (bytes) => {
    const parts = numbersOf(bytes);
    return asNumber(parts.get(1) ?? 0) === 0 ? asNumber(parts.get(2) ?? 0) : asText(parts.get(3) ?? Buffer.alloc(0));
  },
  'meta/v1.FieldsV1': embeddedJson,
  'runtime.RawExtension': embeddedJson,
};

/** JSON as bytes. */
function embeddedJson(bytes: Buffer): unknown {
  const raw = asText(numbersOf(bytes).get(1) ?? Buffer.alloc(0));
  return raw === '' ? undefined : (JSON.parse(raw) as unknown);
}

function decodeValue(shape: string, value: number | Buffer, depth: number): unknown {
  if (shape.startsWith('#')) return decodeMessage(shape.slice(1), asBytes(value), depth + 1);
  // A list within a map is a message of its own, whose first field it is (authentication/v1 ExtraValue).
  if (shape.startsWith('[]')) {
    const items = [...fieldsIn(asBytes(value))].filter(({ number }) => number === 1);
    return items.map((item) => decodeValue(shape.slice(2), item.value, depth + 1));
  }
  switch (shape) {
    case 'string':
      return asText(value);
    case 'bool':
      return asNumber(value) !== 0;
    case 'int':
      return asNumber(value);
    case 'double':
      return asBytes(value).readDoubleLE();
    case 'bytes':
      return asBytes(value).toString('base64');
    default:
      throw new ProtobufError(`a field of shape ${shape} cannot be decoded`);
  }
}

const isZero = (value: unknown): boolean => value === '' || value === 0 || value === false || value === undefined;

type Json = Record<string, unknown>;

function put(target: Json, name: string, shape: string, value: number | Buffer, depth: number): void {
  if (shape.startsWith('[]')) {
    const list = (Object.hasOwn(target, name) ? target[name] : []) as unknown[];
    list.push(decodeValue(shape.slice(2), value, depth));
    target[name] = list;
    return;
  }
  if (shape.startsWith('{}')) {
    const entry = numbersOf(asBytes(value));
    const map = (Object.hasOwn(target, name) ? target[name] : Object.create(null)) as Json;
    const content = entry.get(2);
    map[asText(entry.get(1) ?? Buffer.alloc(0))] =
      content === undefined ? emptyValue(shape.slice(2)) : decodeValue(shape.slice(2), content, depth);
    target[name] = map;
    return;
  }
  const decoded = decodeValue(shape, value, depth);
  if (decoded !== undefined) target[name] = decoded;
}

function emptyValue(shape: string): unknown {
  if (shape.startsWith('[]')) return [];
  return shape === 'int' ? 0 : shape === 'bool' ? false : '';
}

function decodeMessage(type: string, bytes: Buffer, depth: number): unknown {
  if (depth > depthLimit) throw new ProtobufError(`messages are nested more than ${depthLimit} deep`);
  const own = special[type];
  if (own !== undefined) return own(bytes);
  const fields = fieldTable[type];
  if (fields === undefined) throw new ProtobufError(`there is no message ${type}`);
  const target: Json = {};
  for (const { number, value } of fieldsIn(bytes)) {
    const field = fields[number];
    // Fields of a newer version are left out, as a structured decoder does.
    if (field === undefined) continue;
    const [name, full] = field;
    const dropsZero = full.endsWith('?');
    const shape = dropsZero ? full.slice(0, -1) : full;
    if (name === '') Object.assign(target, decodeValue(shape, value, depth));
    else {
      put(target, name, shape, value, depth);
      if (dropsZero && isZero(target[name])) delete target[name];
    }
  }
  return target;
}

/** Message names by group: `v1` Pod is `core/v1.Pod`, `apps/v1` Deployment `apps/v1.Deployment`. */
function messageOf(apiVersion: string, kind: string): string | undefined {
  const [group = '', version = ''] = apiVersion.includes('/') ? apiVersion.split('/') : ['core', apiVersion];
  // Groups of Kubernetes have the first part of their name as package: `rbac` of `rbac.authorization.k8s.io`.
  const ownGroup = /^([a-z]+)(?:\.(?:[a-z]+\.)?k8s\.io)?$/.exec(group)?.[1] ?? group;
  const name = `${ownGroup}/${version}.${kind}`;
  if (Object.hasOwn(fieldTable, name)) return name;
  const common = `meta/v1.${kind}`;
  return Object.hasOwn(fieldTable, common) ? common : undefined;
}

/** True when a body begins like one. */
export function isKubernetesProtobuf(body: Uint8Array): boolean {
  return Buffer.from(body.buffer, body.byteOffset, Math.min(4, body.byteLength)).equals(magic);
}

/** The object in a body of type `application/vnd.kubernetes.protobuf`, as its JSON form. @throws ProtobufError */
export function decodeKubernetesProtobuf(body: Uint8Array): Record<string, unknown> {
  if (!isKubernetesProtobuf(body)) throw new ProtobufError('the body does not begin with the bytes "k8s\\0"');
  const unknown = numbersOf(Buffer.from(body.buffer, body.byteOffset + 4, body.byteLength - 4));
  const typeMeta = numbersOf(asBytes(unknown.get(1) ?? Buffer.alloc(0)));
  const apiVersion = asText(typeMeta.get(1) ?? Buffer.alloc(0));
  const kind = asText(typeMeta.get(2) ?? Buffer.alloc(0));
  const type = messageOf(apiVersion, kind);
  if (type === undefined) {
    throw new ProtobufError(`${apiVersion} ${kind} is not accepted as protobuf: send it as JSON`);
  }
  const object = decodeMessage(type, asBytes(unknown.get(2) ?? Buffer.alloc(0)), 0) as Record<string, unknown>;
  return { apiVersion, kind, ...object };
}
