/**
 * The certificates of a cluster: its authority, and what the authority signs for servers, clients and peers. ECDSA P-256 with
 * SHA-256, X.509 v3 (RFC 5280), PEM files. Every error has a `code` of {@link pkiErrorCodes}.
 */
export * from './authority.ts';
export * from './bundle.ts';
export * from './errors.ts';
export * from './files.ts';
export * from './issue.ts';
export * from './keep.ts';
export * from './metrics.ts';
export * from './profiles.ts';
export * from './read.ts';
export * from './sealing.ts';
export * from './secret.ts';
export * from './server-identity.ts';
export * from './shared-keys.ts';
export * from './signing-request.ts';
