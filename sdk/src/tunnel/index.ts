/** Connections through another process, for those in a network namespace without a way out: HTTP's CONNECT on a unix socket. */
export * from './address-class.ts';
export * from './connect-through.ts';
export * from './tunnel-server.ts';
