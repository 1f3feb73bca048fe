/** Values as JSON: what mutating policies make, and what messages show. */
import { maxRequestBytes } from '../limits.ts';
import { unescapeName } from '../types/names.ts';
import { CelList } from './list.ts';
import { CelMap } from './map.ts';
import { CelMessage, CelObject } from './object.ts';
import { durationText, timestampText } from './time.ts';
import { CelDuration, CelOptional, CelTimestamp, CelTypeValue, CelUint, typeNameOf, type CelValue } from './value.ts';

export type CelJson = { readonly ok: true; readonly json: unknown } | { readonly ok: false; readonly message: string };

/** Ends the conversion. */
class Refused extends Error {
  readonly code = 'CelJson';
}

/** Values that contain one another may be far larger than what they were made of. */
const maxNodes = 200_000;
const maxDepth = 200;

class Writer {
  #nodes = 0;
  #characters = 0;

  write(value: CelValue, depth: number): unknown {
    this.#nodes += 1;
    if (this.#nodes > maxNodes) throw new Refused(`value is too large: more than ${maxNodes} parts`);
    if (depth > maxDepth) throw new Refused(`value nests too deeply: more than ${maxDepth} levels`);
    if (typeof value === 'bigint') return whole(value);
    if (typeof value === 'string') return this.#text(value);
    if (typeof value !== 'object' || value === null) return value;
    if (value instanceof Uint8Array) return this.#text(Buffer.from(value).toString('base64'));
    if (value instanceof CelList) return value.values().map((item) => this.write(item, depth + 1));
    if (value instanceof CelMap) return this.#map(value, depth);
    return value instanceof CelObject ? this.#object(value, depth) : this.#other(value, depth);
  }

  #text(text: string): string {
    this.#characters += text.length;
    if (this.#characters > maxRequestBytes)
      throw new Refused(`value is too large: more than ${maxRequestBytes} characters`);
    return text;
  }

  #map(map: CelMap, depth: number): unknown {
    const entries = map.keys().map((key) => {
      if (typeof key !== 'string') throw new Refused(`keys must be strings, not ${typeNameOf(key)}`);
      return [this.#text(key), this.write(map.get(key) ?? null, depth + 1)] as const;
    });
    return Object.fromEntries(entries);
  }

  #object(object: CelObject, depth: number): unknown {
    const entries = object.fields().flatMap((field) => {
      const value = object.get(field);
      const declared = object.type.fields?.get(field)?.name;
      const name = declared ?? (object instanceof CelMessage ? unescapeName(field) : field);
      return value === undefined ? [] : [[name, this.write(value, depth + 1)] as const];
    });
    return Object.fromEntries(entries);
  }

  #other(value: CelValue, depth: number): unknown {
    if (value instanceof CelUint) return whole(value.value);
    if (value instanceof CelTimestamp) return timestampText(value);
    if (value instanceof CelDuration) return durationText(value);
    if (value instanceof CelTypeValue) return value.name;
    if (value instanceof CelOptional) return value.value === undefined ? null : this.write(value.value, depth);
    if (typeof value === 'object' && value !== null && 'celKind' in value && value.celKind === 'opaque')
      return value.text();
    throw new Refused(value !== null && typeof value === 'object' && 'message' in value ? value.message : 'no JSON');
  }
}

function whole(value: bigint): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new Refused(`${value} cannot be written exactly`);
  return number;
}

/** As an API server takes it; refused where there is no JSON for a part, or too much of it. */
export function celToJson(value: CelValue): CelJson {
  try {
    return { ok: true, json: new Writer().write(value, 0) };
  } catch (error) {
    if (error instanceof Refused) return { ok: false, message: error.message };
    throw error;
  }
}
