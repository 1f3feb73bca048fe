/** Values while expressions run. JSON is wrapped lazily: see `fromJson`. */

/** int: bigint; double: number; the rest is as in JavaScript, or one of the classes of this folder. */
export type CelValue = null | boolean | bigint | number | string | Uint8Array | CelObjectLike;

/** Values that are objects say what they are by `celKind`. */
export interface CelObjectLike {
  readonly celKind:
    | 'uint'
    | 'timestamp'
    | 'duration'
    | 'list'
    | 'map'
    | 'object'
    | 'type'
    | 'optional'
    | 'opaque'
    | 'error';
}
