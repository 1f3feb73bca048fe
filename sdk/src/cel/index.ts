/**
 * CEL, the Common Expression Language, with the libraries of Kubernetes: https://github.com/google/cel-spec. An expression is parsed
 * (`syntax`), its types are checked (`check`), then it becomes closures (`evaluate`). Errors are values on their way to `&&` or `||`,
 * which may absorb them; only what ends an evaluation is thrown within.
 *
 * Costs are those of cel-go and Kubernetes, but for these: functions that they charge by what comes out are charged by what goes in;
 * texts count their UTF-16 units; sizes that nobody states are at most
 * those of a request, not endless. Beside its cost an evaluation is bounded by its work: what operations do that is free or cheap.
 *
 * Left out: protobuf messages and their wrapper types, enums, containers of names, and names in backquotes.
 */
export * from './environment.ts';
export { authorizerType, celAuthorizer, celResourceCheck, resourceCheckType } from './library/authorizer.ts';
export * from './limits.ts';
export { celQuantity, quantityType } from './library/quantity.ts';
export { celSemver, semverType } from './library/semver.ts';
export * from './problem.ts';
export {
  compile,
  type CelCompilation,
  type CelExpense,
  type CelOutcome,
  type CelProgram,
  type CelRun,
} from './program.ts';
export { estimateCost, type CelCostRange } from './cost/estimate.ts';
export * from './types/schema-type.ts';
export * from './types/type.ts';
export * from './values/authorizer.ts';
export { escapeName, unescapeName } from './types/names.ts';
export { CelList } from './values/list.ts';
export { CelMap } from './values/map.ts';
export { CelLazyObject, CelObject } from './values/object.ts';
export { celToJson, type CelJson } from './values/to-json.ts';
export { CelError, CelOpaque, CelOptional, CelUint, type CelValue } from './values/value.ts';
