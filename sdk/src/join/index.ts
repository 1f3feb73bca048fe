/**
 * Joining a cluster: the token, what is sent under `/join/v1`, and the calls. A joiner knows nothing but an address and a
 * token, and the token pins the cluster's authority: the joiner checks whom it talks to before it shows the token's secret.
 */
export * from './call.ts';
export * from './errors.ts';
export * from './messages.ts';
export * from './token.ts';
