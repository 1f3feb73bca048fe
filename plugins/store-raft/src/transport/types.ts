/** How the members of a group reach each other. The driver knows this interface only; the simulation has one of its own. */
import type { MemberId, Message } from '../raft/index.ts';

/** A call from one member to another beside the Raft messages: passed-on requests of clients and operators. */
export interface PeerCall {
  readonly from: MemberId;
  /** `keepAlive`, `changeMembership`, `status`, … */
  readonly method: string;
  /** Plain data, as MessagePack carries it; checked by whoever handles it. */
  readonly payload: unknown;
}

export interface TransportHandlers {
  /** A Raft message whose shape and bounds have been checked, and whose `from` is who the connection belongs to. */
  onMessage(message: Message): void;
  /** Answers a call; what it throws reaches the caller as an error with the same `code` and message. */
  onCall(call: PeerCall): Promise<unknown>;
  /** A connection to this member broke, or messages to it were dropped: what was in flight may be lost. */
  onUnreachable(member: MemberId): void;
}

export interface Transport {
  /** Begins to listen and to connect. Resolves when it listens. */
  start(handlers: TransportHandlers): Promise<void>;
  /** `HOST:PORT` it listens on, once started. */
  readonly listening: string;
  /**
   * Who is there and where: connections to members that are gone are closed, new ones are opened with back-off. Called at each change
   * of the configuration. Does not limit who may connect (a new member hears of itself from a leader it does not know).
   */
  setPeers(addresses: Readonly<Record<MemberId, string>>): void;
  /** Queues a message; false: it was dropped (no connection, or the bounded queue is full). Never blocks. */
  send(message: Message): boolean;
  /** Asks another member. @throws StoreError UNAVAILABLE (not connected, no answer in time), or what the handler threw */
  call(to: MemberId, method: string, payload: unknown, timeoutMs: number): Promise<unknown>;
  close(): Promise<void>;
}
