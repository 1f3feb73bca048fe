export * from './fake-service.ts';
export * from './manual-env.ts';
export * from './recording-logger.ts';
export * from './settle.ts';
export * from './test-kernel.ts';
export * from './until.ts';
