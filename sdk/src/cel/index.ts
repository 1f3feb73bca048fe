/** CEL, the Common Expression Language, with the libraries of Kubernetes: https://github.com/google/cel-spec. */
export * from './environment.ts';
export * from './limits.ts';
export * from './problem.ts';
export * from './program.ts';
export * from './types/schema-type.ts';
export * from './types/type.ts';
export * from './values/authorizer.ts';
export type { CelValue } from './values/value.ts';
