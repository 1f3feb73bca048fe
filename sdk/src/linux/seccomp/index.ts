export * from './rules.ts';
export * from './runtime-default.ts';
export * from './read.ts';
