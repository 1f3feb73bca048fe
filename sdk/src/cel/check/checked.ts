/** What the checker finds out about a tree. */
import type { Overload } from '../library/overload.ts';
import type { Ast, Call } from '../syntax/ast.ts';
import type { CelObjectType, CelType } from '../types/type.ts';

export interface Checked {
  readonly ast: Ast;
  readonly types: ReadonlyMap<Ast, CelType>;
  /** Those that may be meant, without the arguments' types at run time. */
  readonly overloads: ReadonlyMap<Call, readonly Overload[]>;
  /** Calls that are written as methods of a name: `math.greatest(1)`. */
  readonly namespaced: ReadonlySet<Call>;
  /** Names that are types: `google.protobuf.Timestamp`. */
  readonly typeValues: ReadonlyMap<Ast, CelType>;
  /** Names with dots that are variables: `authorizer.requestResource`. */
  readonly dotted: ReadonlyMap<Ast, string>;
  readonly messages: ReadonlyMap<Ast, CelObjectType>;
}
