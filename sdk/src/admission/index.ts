/** What webhooks and policies of admission share: which requests they are asked about, and how requests look to them. */
export * from './authorizer.ts';
export * from './budget.ts';
export * from './conditions.ts';
export * from './mutation-types.ts';
export * from './pauses.ts';
export * from './policy-expressions.ts';
export * from './review.ts';
export * from './rounds.ts';
export * from './rules.ts';
export * from './unread-namespace.ts';
