export * from './host.ts';
export * from './indexes.ts';
export * from './informer.ts';
export * from './informers.ts';
export type { IndexFunction } from './object-cache.ts';
export * from './resource-version.ts';
export * from './work-queue.ts';
