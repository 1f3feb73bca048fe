export * from './capabilities.ts';
export * from './paths.ts';
export * from './seccomp/index.ts';
