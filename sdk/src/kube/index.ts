export * from './core.ts';
export * from './further-types.ts';
export * from './meta.ts';
export * from './names.ts';
export * from './quantity.ts';
export * from './selectors.ts';
export * from './status.ts';
export * from './workloads.ts';
