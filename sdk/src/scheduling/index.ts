/** The scheduling framework: what schedulers are made of. */
export * from './framework.ts';
export * from './host-ports.ts';
export * from './list-snapshot.ts';
export * from './node-fit.ts';
export * from './pod-class.ts';
export * from './pod-matcher.ts';
export * from './pod-request.ts';
export type * from './profile.ts';
export * from './scheduler-of.ts';
export * from './standard-plugins.ts';
export * from './working-state.ts';
