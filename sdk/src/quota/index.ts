export * from './amount.ts';
export * from './counted-types.ts';
export * from './evaluators.ts';
export * from './pod-resources.ts';
export * from './quota.ts';
export * from './scopes.ts';
export * from './usage.ts';
