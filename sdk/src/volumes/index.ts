export * from './annotations.ts';
export * from './attachments.ts';
export * from './claims.ts';
export * from './give.ts';
export * from './matching.ts';
export * from './storage-classes.ts';
