export * from './container-rules.ts';
export * from './profile-file.ts';
export * from './rules.ts';
export * from './runtime-default.ts';
export * from './read.ts';
