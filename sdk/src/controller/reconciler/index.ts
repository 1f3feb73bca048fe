export * from './actions.ts';
export * from './claims.ts';
export * from './define-controller.ts';
