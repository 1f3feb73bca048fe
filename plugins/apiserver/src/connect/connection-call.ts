import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Connections } from './connections.ts';

/** A request for a connection on its way. */
export interface ConnectionCall {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly connections: Connections;
  /** To be called when the connection is over; by nobody else once it was accepted. */
  readonly leave: () => void;
}
