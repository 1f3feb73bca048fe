/** Variables that macros name. */
import type { CelType } from '../types/type.ts';

export interface Local {
  readonly name: string;
  readonly type: CelType;
}

/** The innermost first. */
export class Scope {
  readonly #local: Local | undefined;
  readonly #outer: Scope | undefined;

  constructor(local?: Local, outer?: Scope) {
    this.#local = local;
    this.#outer = outer;
  }

  with(name: string, type: CelType): Scope {
    return new Scope({ name, type }, this);
  }

  find(name: string): CelType | undefined {
    // oxlint-disable-next-line typescript/no-this-alias -- a loop along the chain
    for (let scope: Scope | undefined = this; scope !== undefined; scope = scope.#outer)
      if (scope.#local?.name === name) return scope.#local.type;
    return undefined;
  }
}
