/** SPDY/3.1, over which Kubernetes carried sessions and forwarded ports before WebSocket, and the CRI still does: both ends. */
export { SpdySession, type SpdySessionOptions } from './session.ts';
export type { SpdyStream } from './stream.ts';
