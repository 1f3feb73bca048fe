export * from './control.ts';
export * from './env.ts';
export * from './errors.ts';
export * from './hook.ts';
export * from './log.ts';
export * from './plugin.ts';
export * from './service.ts';
