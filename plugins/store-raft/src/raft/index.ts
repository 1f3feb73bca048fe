export { createRaft } from './node.ts';
export type * from './types.ts';
export { SessionTable } from './sessions.ts';
export type { SessionSnapshot, Verdict } from './sessions.ts';
