/** CEL, the Common Expression Language, with the libraries of Kubernetes: https://github.com/google/cel-spec. */
export * from './environment.ts';
export { authorizerType, celAuthorizer, celResourceCheck, resourceCheckType } from './library/authorizer.ts';
export * from './limits.ts';
export * from './problem.ts';
export { compile, type CelCompilation, type CelOutcome, type CelProgram, type CelRun } from './program.ts';
export { estimateCost, type CelCostRange } from './cost/estimate.ts';
export * from './types/schema-type.ts';
export * from './types/type.ts';
export * from './values/authorizer.ts';
export { escapeName } from './types/names.ts';
export { CelList } from './values/list.ts';
export { CelMap } from './values/map.ts';
export { CelLazyObject, CelObject } from './values/object.ts';
export { celToJson, type CelJson } from './values/to-json.ts';
export { CelError, CelOptional, type CelValue } from './values/value.ts';
