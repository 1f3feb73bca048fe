export * from './keep-alive.ts';
export * from './real-env.ts';
export * from './simulated-env.ts';
