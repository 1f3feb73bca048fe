export * from './rules.ts';
export * from './runtime-default.ts';
