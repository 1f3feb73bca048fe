export * from './capabilities.ts';
export * from './change-signal.ts';
export * from './dial.ts';
export * from './identifiers.ts';
export * from './paths.ts';
export * from './process-identity.ts';
export * from './seccomp/index.ts';
export * from './spare-groups.ts';
