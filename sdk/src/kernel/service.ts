/** How many providers a service may have: exactly one at a time, or any number side by side. */
export type Cardinality = 'one' | 'many';

/**
 * A typed key for a service. A plain value: two copies of the sdk make tokens that mean the same service when `id` and
 * `major` are equal. `T` is a phantom: it exists for the type checker only.
 */
export interface ServiceToken<T = unknown, C extends Cardinality = Cardinality> {
  readonly $$type: '@timonel/service';
  /** Lower case, words joined by `-`, parts joined by `.`: `store`, `api.resources`. */
  readonly id: string;
  /** Raised when the interface changes incompatibly; a provider of another major is a start-up problem. */
  readonly major: number;
  readonly cardinality: C;
  /**
   * Names of the methods that answer synchronously. They always run on the current provider and never wait for a swap,
   * which is safe because a synchronous call cannot straddle one. Every other method must return a promise: during a
   * swap the slot holds such calls back and hands them to the new provider.
   */
  readonly sync: readonly string[];
  /** Phantom. Never present at run time. */
  readonly T?: T;
}

/** Options of {@link defineService}. */
export interface ServiceOptions<C extends Cardinality> {
  readonly major: number;
  readonly cardinality: C;
  readonly sync?: readonly string[];
}

/** Makes the token of a service kind. Call it once for each contract, in `contracts/<kind>`. */
export function defineService<T, C extends Cardinality = 'one'>(
  id: string,
  options: ServiceOptions<C>,
): ServiceToken<T, C> {
  return {
    $$type: '@timonel/service',
    id,
    major: options.major,
    cardinality: options.cardinality,
    sync: options.sync ?? [],
  };
}

/** A record of tokens, as `requires`, `optional` and `provides` take it. */
export type TokenRecord = Readonly<Record<string, ServiceToken>>;

/** The interface behind a token. */
export type ServiceOf<S> = S extends ServiceToken<infer T> ? T : never;

/** One provider among many. */
export interface Provider<T> {
  readonly plugin: string;
  readonly service: T;
  /** It came from a file, and not with the kernel. */
  readonly fromFile?: true;
}

/** What a consumer of a `many` service holds: always the current set, in order of registration. */
export interface Many<T> {
  all(): readonly Provider<T>[];
  /** Calls `listener` after a provider came, went or was swapped. Undone with the consumer. */
  onChange(listener: () => void): void;
}

/** What a consumer of an optional `one` service holds. */
export interface OptionalRef<T> {
  /** The slot of the service, or undefined while no provider is there. */
  readonly current: T | undefined;
  onChange(listener: () => void): void;
}

/** The value a required dependency has in `ctx.deps`. */
export type RequiredDep<S> = S extends ServiceToken<infer T, infer C> ? (C extends 'many' ? Many<T> : T) : never;

/** The value an optional dependency has in `ctx.deps`. */
export type OptionalDep<S> =
  S extends ServiceToken<infer T, infer C> ? (C extends 'many' ? Many<T> : OptionalRef<T>) : never;
