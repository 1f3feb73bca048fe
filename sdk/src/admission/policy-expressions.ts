/** The expressions of policies: what they may speak of, and what is wrong with them. */
import {
  boolType,
  celProblemsText,
  compile,
  dynType,
  nullType,
  objectType,
  stringType,
  type CelCompilation,
  type CelEnvironment,
  type CelObjectType,
  type CelProgram,
  type CelType,
} from '../cel/index.ts';
import { authorizerVariables } from './authorizer.ts';
import { applyConfigurationType, jsonPatchType, mutationType } from './mutation-types.ts';

type Given = 'object' | 'oldObject' | 'request' | 'params' | 'namespaceObject';

const given: Readonly<Record<Given, CelType>> = {
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

export interface PolicyScopeOptions {
  readonly mutates?: boolean;
  readonly types?: Readonly<Partial<Record<Given, CelType>>>;
}

/** Of one policy. A text in place of a program: why there is none. */
export class PolicyScope {
  readonly #variables = new Map<string, CelType>();
  #type: CelObjectType | undefined;
  readonly #given: Readonly<Record<string, CelType>>;
  readonly #types: Pick<CelEnvironment, 'types'>;

  /** `mutates`: its expressions make objects and patches. `types`: what is known of the objects. */
  constructor({ mutates = false, types = {} }: PolicyScopeOptions = {}) {
    this.#types = mutates ? { types: mutationType } : {};
    this.#given = { ...given, ...types };
  }

  get variablesType(): CelObjectType {
    return (this.#type ??= objectType('variables', Object.fromEntries(this.#variables)));
  }

  compiled(expression: string, as: ExpressionUse): CelProgram | string {
    const result = this.#compile(expression, as);
    return result.ok ? result.program : `compilation failed: ${celProblemsText(expression, result.problems)}`;
  }

  /** Undefined: none. */
  problem(expression: string, as: ExpressionUse): string | undefined {
    const result = this.#compile(expression, as);
    return result.ok ? undefined : celProblemsText(expression, result.problems);
  }

  #compile(expression: string, as: ExpressionUse): CelCompilation {
    // Who is refused is not told what others may do.
    const more = as === 'message' ? {} : authorizerVariables;
    const variables = { ...this.#given, ...more, variables: this.variablesType };
    return compile(expression, { variables, results: results[as], ...this.#types });
  }

  /** A variable may speak of those before it. */
  variable(name: string, expression: string): CelProgram | string {
    const program = this.compiled(expression, 'variable');
    this.#variables.set(name, typeof program === 'string' ? dynType : program.resultType);
    this.#type = undefined;
    return program;
  }
}
