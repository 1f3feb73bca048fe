/** The scheduling framework: what schedulers are made of. */
export * from './list-snapshot.ts';
export * from './pod-class.ts';
export * from './working-state.ts';
