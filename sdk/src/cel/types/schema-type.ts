/** Types of CEL from the structural schemas of CustomResourceDefinitions and of built-in kinds. */
import type { CelType } from './type.ts';

/** The part of an OpenAPI v3 schema that matters here. */
export interface CelSchema {
  readonly type?: string;
  readonly format?: string;
  readonly nullable?: boolean;
  readonly properties?: Readonly<Record<string, CelSchema>>;
  readonly additionalProperties?: CelSchema | boolean;
  readonly items?: CelSchema | readonly CelSchema[];
  readonly required?: readonly string[];
  readonly enum?: readonly unknown[];
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly default?: unknown;
  readonly 'x-kubernetes-int-or-string'?: boolean;
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean;
  readonly 'x-kubernetes-embedded-resource'?: boolean;
  readonly 'x-kubernetes-list-type'?: string;
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
}

/** `root`: the resource itself, whose apiVersion, kind and metadata are there even if the schema is silent. Undefined: not accessible. */
export function celTypeOfSchema(_schema: CelSchema, _options?: { readonly root?: boolean }): CelType | undefined {
  throw new Error('not there yet');
}
