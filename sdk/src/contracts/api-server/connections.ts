import type { Duplex } from 'node:stream';
import type { KubeObject } from '../../kube/index.ts';
import type { ApiClient } from '../api/index.ts';
import type { UserInfo } from '../auth/index.ts';
import type { ExecSession } from '../runtime/index.ts';

/** A request for a connection: exec, attach, port-forward, or anything below a proxy. */
export interface ConnectionRequest {
  /** As in the URL. Names below a proxy may be `name`, `name:port` or `scheme:name:port`. */
  readonly name: string;
  readonly namespace: string | undefined;
  readonly query: URLSearchParams;
  readonly user: UserInfo;
  /** Aborted when the client goes away before the connection is made. */
  readonly signal: AbortSignal;
}

/** What code of a connection may look at. */
export interface ConnectionAccess<T extends KubeObject = KubeObject> {
  /** The object of the name in the URL. @throws ApiError NotFound */
  get(): Promise<T>;
  readonly api: Pick<ApiClient, 'get' | 'list'>;
}

/** Which streams a client wants. */
export interface SessionStreams {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

/** A process whose streams the client joins. `open` is called once, when the client is known to speak a protocol of the server. */
export interface SessionConnection {
  readonly kind: 'session';
  readonly streams: SessionStreams;
  open(): Promise<ExecSession>;
}

/** Ports of a pod. `dial` is called for each connection that the client wants. */
export interface PortsConnection {
  readonly kind: 'ports';
  /** What the query names; clients that multiplex may ask for others. */
  readonly ports: readonly number[];
  dial(port: number): Promise<Duplex>;
}

/** A server of HTTP: the request goes there and its answer comes back. */
export interface HttpConnection {
  readonly kind: 'http';
  /** TLS over what `dial` gives; the certificate is not checked. */
  readonly secure: boolean;
  /** For the Host header: `10.0.0.1:8080`. */
  readonly host: string;
  /** Names and values in turn, beside what is passed on of the client's. */
  readonly headers?: readonly string[];
  dial(): Promise<Duplex>;
}

export type Connection = SessionConnection | PortsConnection | HttpConnection;

/** A subresource that is a connection. The server speaks its protocols: WebSocket and SPDY for sessions and ports, HTTP for proxies. */
export interface ConnectionHandler<T extends KubeObject = KubeObject> {
  /** Kind of its options, in discovery and in admission: `PodExecOptions`. */
  readonly kind: string;
  /** Takes any method and any path below it, and answers with an HttpConnection. Default false: only upgrades of GET and POST. */
  readonly proxy?: boolean;
  /** The options in the query, as admission sees them. @throws ApiError BadRequest */
  options?(query: URLSearchParams): Record<string, unknown>;
  /** Runs after admission and before any upgrade: whatever it throws becomes the status of the answer. */
  connect(request: ConnectionRequest, access: ConnectionAccess<T>): Promise<Connection>;
}
