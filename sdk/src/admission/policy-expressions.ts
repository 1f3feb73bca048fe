/** The expressions of policies: what they may speak of, and what is wrong with them. */
import {
  boolType,
  celProblemsText,
  compile,
  dynType,
  nullType,
  objectType,
  stringType,
  type CelEnvironment,
  type CelObjectType,
  type CelProgram,
  type CelType,
} from '../cel/index.ts';
import { authorizerVariables } from './authorizer.ts';
import { applyConfigurationType, jsonPatchType, mutationType } from './mutation-types.ts';

const given: Readonly<Record<string, CelType>> = {
  object: dynType,
  oldObject: dynType,
  request: dynType,
  params: dynType,
  namespaceObject: dynType,
};

export type ExpressionUse = 'variable' | 'validation' | 'message' | 'audit' | MutationUse;
/** What is applied to the object. */
export type MutationUse = 'apply' | 'json-patch';

/** What an expression may evaluate to. */
const results: Readonly<Record<ExpressionUse, readonly CelType[]>> = {
  variable: [dynType],
  validation: [boolType],
  message: [stringType],
  audit: [stringType, nullType],
  apply: [applyConfigurationType],
  'json-patch': [jsonPatchType],
};

/** Of one policy. A text in place of a program: why there is none. */
export class PolicyScope {
  readonly #variables = new Map<string, CelType>();
  #type: CelObjectType | undefined;
  readonly #types: Pick<CelEnvironment, 'types'>;

  /** `mutates`: its expressions make objects and patches. */
  constructor({ mutates = false }: { readonly mutates?: boolean } = {}) {
    this.#types = mutates ? { types: mutationType } : {};
  }

  get variablesType(): CelObjectType {
    return (this.#type ??= objectType('variables', Object.fromEntries(this.#variables)));
  }

  compiled(expression: string, as: ExpressionUse): CelProgram | string {
    // Who is refused is not told what others may do.
    const more = as === 'message' ? {} : authorizerVariables;
    const variables = { ...given, ...more, variables: this.variablesType };
    const result = compile(expression, { variables, results: results[as], ...this.#types });
    return result.ok ? result.program : `compilation failed: ${celProblemsText(expression, result.problems)}`;
  }

  /** A variable may speak of those before it. */
  variable(name: string, expression: string): CelProgram | string {
    const program = this.compiled(expression, 'variable');
    this.#variables.set(name, typeof program === 'string' ? dynType : program.resultType);
    this.#type = undefined;
    return program;
  }
}
