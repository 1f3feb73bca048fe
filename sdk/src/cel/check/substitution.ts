/** Which types the parameters of functions stand for, and which types fit where. */
import type { CelNamedType, CelType } from '../types/type.ts';

const isDynamic = (type: CelType): boolean => type.kind === 'dyn' || type.kind === 'error';

/** Bindings of type parameters; `fork` and `join` make attempts that can be dropped. */
export class Substitution {
  readonly #bound = new Map<string, CelType>();
  readonly #base: Substitution | undefined;

  constructor(base?: Substitution) {
    this.#base = base;
  }

  fork(): Substitution {
    return new Substitution(this);
  }

  /** Keeps what a fork of this one has found. */
  join(attempt: Substitution): void {
    for (const [name, type] of attempt.#bound) this.#bound.set(name, type);
  }

  #lookUp(name: string): CelType | undefined {
    return this.#bound.get(name) ?? (this.#base === undefined ? undefined : this.#base.#lookUp(name));
  }

  #find(type: CelType): CelType | undefined {
    return type.kind === 'param' ? this.#lookUp(type.name) : undefined;
  }

  /** The type with its parameters replaced; those that nothing is known of become dyn where `rest` is true. */
  apply(type: CelType, rest = false): CelType {
    switch (type.kind) {
      case 'param': {
        const bound = this.#lookUp(type.name);
        return bound === undefined ? (rest ? { kind: 'dyn' } : type) : this.apply(bound, rest);
      }
      case 'list':
        return { ...type, element: this.apply(type.element, rest) };
      case 'map':
        return { ...type, key: this.apply(type.key, rest), value: this.apply(type.value, rest) };
      case 'optional':
      case 'type':
        return { ...type, of: this.apply(type.of, rest) };
      default:
        return type;
    }
  }

  #occurs(name: string, type: CelType): boolean {
    switch (type.kind) {
      case 'param': {
        const bound = this.#lookUp(type.name);
        return type.name === name || (bound !== undefined && this.#occurs(name, bound));
      }
      case 'list':
        return this.#occurs(name, type.element);
      case 'map':
        return this.#occurs(name, type.key) || this.#occurs(name, type.value);
      case 'optional':
      case 'type':
        return this.#occurs(name, type.of);
      default:
        return false;
    }
  }

  /** Whether a value of type `from` fits where `to` is expected; binds parameters on the way. */
  assign(from: CelType, to: CelType): boolean {
    if (to.kind === 'param') return this.#assignParam(from, to);
    if (from.kind === 'param') return this.#assignParam(to, from);
    if (isDynamic(from) || isDynamic(to)) return true;
    if (from.kind === 'null') return to.kind === 'null' || nullable(to);
    if (to.kind === 'null') return nullable(from);
    return this.#assignParts(from, to);
  }

  #assignParts(from: CelType, to: CelType): boolean {
    switch (from.kind) {
      case 'list':
        return to.kind === 'list' && this.assign(from.element, to.element);
      case 'map':
        return to.kind === 'map' && this.assign(from.key, to.key) && this.assign(from.value, to.value);
      case 'optional':
        return to.kind === 'optional' && this.assign(from.of, to.of);
      case 'object':
      case 'opaque':
        return to.kind === from.kind && to.name === from.name;
      default:
        // Types of types are compared when the expression runs.
        return from.kind === to.kind;
    }
  }

  #assignParam(type: CelType, param: CelNamedType): boolean {
    if (type.kind === 'param' && type.name === param.name) return true;
    const bound = this.#find(param);
    if (bound !== undefined) {
      if (!this.assign(type, bound)) return false;
      this.#bind(param.name, this.general(type, bound));
      return true;
    }
    const other = this.#find(type);
    if (other !== undefined && other.kind === 'param' && other.name === param.name) return true;
    if (this.#occurs(param.name, type)) return false;
    this.#bind(param.name, type);
    return true;
  }

  #bind(name: string, type: CelType): void {
    if (!this.#occurs(name, type)) this.#bound.set(name, type);
  }

  /** The wider of two types that fit each other. */
  general(a: CelType, b: CelType): CelType {
    if (isDynamic(a)) return a;
    if (isDynamic(b)) return b;
    if (a.kind === 'param') return b;
    if (b.kind === 'param' || b.kind === 'null') return a;
    if (a.kind === 'null') return b;
    if (a.kind === 'list' && b.kind === 'list')
      return { ...a, ...this.#larger(a, b), element: this.general(a.element, b.element) };
    if (a.kind === 'map' && b.kind === 'map')
      return { ...a, ...this.#larger(a, b), key: this.general(a.key, b.key), value: this.general(a.value, b.value) };
    if (a.kind === 'optional' && b.kind === 'optional') return { ...a, of: this.general(a.of, b.of) };
    return a.kind === 'string' && b.kind === 'string' ? this.#larger(a, b) : a;
  }

  /** Which of two says more of its size, so that costs stay upper bounds. */
  #larger<T extends CelType>(a: T, b: T): T {
    const bound = (type: CelType): number =>
      ('maxLength' in type ? type.maxLength : undefined) ??
      ('maxItems' in type ? type.maxItems : undefined) ??
      ('maxProperties' in type ? type.maxProperties : undefined) ??
      Number.POSITIVE_INFINITY;
    return bound(a) >= bound(b) ? a : b;
  }
}

/** Objects, times and the like may be absent: `null` fits. */
const nullable = (type: CelType): boolean =>
  ['object', 'timestamp', 'duration', 'optional', 'opaque'].includes(type.kind);

/** A type of a function with parameters of its own for each call. */
export function instantiate(type: CelType, fresh: Map<string, CelType>, make: () => CelType): CelType {
  switch (type.kind) {
    case 'param': {
      const own = fresh.get(type.name) ?? make();
      fresh.set(type.name, own);
      return own;
    }
    case 'list':
      return { ...type, element: instantiate(type.element, fresh, make) };
    case 'map':
      return { ...type, key: instantiate(type.key, fresh, make), value: instantiate(type.value, fresh, make) };
    case 'optional':
    case 'type':
      return { ...type, of: instantiate(type.of, fresh, make) };
    default:
      return type;
  }
}
