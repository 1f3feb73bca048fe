/** All connections to other members: who is dialled, who is let in, and over which connection a member is reached. */
import type { TLSSocket } from 'node:tls';
import { invariant, type Env, type Logger } from '@timonel/sdk';
import type { MemberId } from '../raft/index.ts';
import { formatAddress, parseAddress } from './address.ts';
import { Calls, isCallFrame } from './calls.ts';
import { Connection, type Direction } from './connection.ts';
import { peerIdOf, type Credentials } from './credentials.ts';
import { Dialer } from './dialer.ts';
import type { Frame } from './frames.ts';
import type { Hello } from './hello.ts';
import type { TransportLimits } from './limits.ts';
import { Peer, type Line } from './peer.ts';
import type { TroubleLog } from './trouble-log.ts';
import type { PeerCall } from './types.ts';

export interface LinksOptions {
  readonly env: Env;
  readonly log: Logger;
  readonly trouble: TroubleLog;
  readonly limits: TransportLimits;
  readonly own: Hello;
  readonly credentials: Credentials;
  /** A frame that may be a Raft message. Returns what is wrong with it, if anything. */
  readonly onMessage: (from: MemberId, frame: Frame) => string | undefined;
  readonly onCall: (call: PeerCall) => Promise<unknown>;
  /** A connection over which messages could go is closed. */
  readonly onBroken: (member: MemberId) => void;
}

/** What belongs to one connection. */
interface Place {
  readonly peer: Peer;
  readonly address: string;
  readonly dialer: Dialer | undefined;
}

export class Links {
  readonly #options: LinksOptions;
  readonly #peers = new Map<MemberId, Peer>();
  readonly #connections = new Set<Connection>();
  /** All that are not closed, also those that are not connections any more. */
  readonly #sockets = new Set<TLSSocket>();
  #closing = false;
  #onSocketsGone: () => void = () => undefined;

  constructor(options: LinksOptions) {
    this.#options = options;
  }

  /** How the member is reached now; undefined: not at all. */
  line(member: MemberId): Line | undefined {
    return this.#peers.get(member)?.line;
  }

  setPeers(addresses: Readonly<Record<MemberId, string>>): void {
    if (this.#closing) return;
    for (const peer of this.#peers.values()) {
      if (peer.dialer !== undefined && !Object.hasOwn(addresses, peer.id)) this.#forget(peer);
    }
    for (const [id, address] of Object.entries(addresses)) {
      if (id !== this.#options.own.memberId) this.#dial(id, address);
    }
  }

  /** A socket whose certificate is that of a member; greetings come next. `dialer`: who opened it, if we did. */
  adopt(socket: TLSSocket, dialer?: Dialer): void {
    this.#sockets.add(socket);
    // After the connection has closed, too, nothing of it may reach the process.
    socket.on('error', () => undefined);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      if (this.#sockets.size === 0) this.#onSocketsGone();
    });
    const peerId = peerIdOf(socket.getPeerCertificate());
    const refusal = dialer === undefined ? this.#refusal(peerId) : undefined;
    if (refusal !== undefined) {
      this.#options.trouble.warn(`refused ${peerId}`, { member: peerId, reason: refusal }, 'refused a member');
    }
    if (refusal !== undefined || this.#closing || socket.destroyed) {
      socket.destroy();
      dialer?.dropped();
      return;
    }
    const address = formatAddress({ host: socket.remoteAddress ?? 'unknown', port: socket.remotePort ?? 0 });
    this.#connect(socket, { peer: this.#peer(peerId), address, dialer });
  }

  /** Lets what is queued leave, for a while, and closes everything. */
  async close(): Promise<void> {
    this.#closing = true;
    for (const peer of this.#peers.values()) {
      peer.dialer?.stop();
      for (const { calls } of peer.lines) calls.close('this member is shutting down');
    }
    for (const connection of this.#connections) connection.finish();
    const destroyAll = this.#options.env.timers.after(this.#options.limits.closeMs, () => {
      for (const socket of this.#sockets) socket.destroy();
    });
    await new Promise<void>((resolve) => {
      this.#onSocketsGone = resolve;
      if (this.#sockets.size === 0) resolve();
    });
    destroyAll.cancel();
  }

  #connect(socket: TLSSocket, place: Place): void {
    const { env, limits, own, onMessage, onCall } = this.#options;
    const { peer, dialer } = place;
    const direction: Direction = dialer === undefined ? 'incoming' : 'outgoing';
    const connection: Connection = new Connection({
      env,
      limits,
      socket,
      direction,
      own,
      peerId: peer.id,
      use: peer.use,
      onOpen: () => this.#onOpen({ connection, calls }, place),
      onFrame: (frame) => (isCallFrame(frame) ? calls.onFrame(frame) : onMessage(peer.id, frame)),
      onClose: (reason) => this.#onClose({ connection, calls }, place, reason),
    });
    const send = (frame: Buffer): boolean => connection.send(frame);
    const calls = new Calls({ env, limits, peerId: peer.id, send, serve: onCall });
    this.#connections.add(connection);
  }

  #onOpen(line: Line, { peer, address, dialer }: Place): void {
    peer.add(line);
    dialer?.opened();
    // It is alive: no reason to wait.
    if (dialer === undefined) peer.dialer?.nudge();
    const { direction } = line.connection;
    this.#options.log.info({ member: peer.id, address, direction }, 'connected to a member');
  }

  #onClose({ connection, calls }: Line, { peer, address, dialer }: Place, reason: string): void {
    this.#connections.delete(connection);
    peer.remove(connection);
    calls.close(`the connection to member ${peer.id} is lost: ${reason}`);
    if (this.#closing) return;
    dialer?.dropped();
    this.#dropUnused(peer);
    const { trouble, onBroken } = this.#options;
    const fields = { member: peer.id, address, direction: connection.direction, reason };
    if (connection.wasOpen) {
      trouble.warn(`lost ${peer.id} ${connection.direction} ${reason}`, fields, 'lost a connection to a member');
      onBroken(peer.id);
      return;
    }
    trouble.warn(`greeting ${peer.id} ${connection.direction} ${reason}`, fields, 'a connection to a member failed');
  }

  /** Why an incoming connection of this member is not taken. */
  #refusal(peerId: MemberId): string | undefined {
    const { own, limits } = this.#options;
    if (peerId === own.memberId) return "it shows this member's own certificate: each member needs an id of its own";
    for (const connection of this.#connectionsOf(peerId)) {
      if (connection.direction === 'incoming' && !connection.open) connection.close('it opened another connection');
    }
    const incoming = [...this.#connections].filter(({ direction }) => direction === 'incoming').length;
    return incoming < limits.connections ? undefined : `${limits.connections} members are connected, no more are taken`;
  }

  #dial(id: MemberId, address: string): void {
    const { env, limits, credentials, trouble } = this.#options;
    const target = parseAddress(address);
    if (target === undefined) {
      trouble.warn(
        `address ${id}`,
        { member: id, address },
        'cannot connect to a member: its address is not HOST:PORT',
      );
      return;
    }
    const peer = this.#peer(id);
    if (peer.dialer !== undefined && formatAddress(peer.dialer.target) === formatAddress(target)) return;
    peer.dialer?.stop();
    for (const connection of this.#connectionsOf(id)) {
      if (connection.direction === 'outgoing') connection.close(`its address is ${address} now`);
    }
    const dialer: Dialer = new Dialer({
      env,
      limits,
      peerId: id,
      target,
      credentials,
      onSecure: (socket) => this.adopt(socket, dialer),
      onTrouble: (reason) => {
        const fields = { member: id, address, reason };
        trouble.warn(`dial ${id} ${reason}`, fields, 'cannot connect to a member: tries again and again');
      },
    });
    peer.dialer = dialer;
  }

  #forget(peer: Peer): void {
    peer.dialer?.stop();
    peer.dialer = undefined;
    for (const connection of this.#connectionsOf(peer.id)) connection.close('it is no member any more');
    this.#dropUnused(peer);
  }

  #peer(id: MemberId): Peer {
    const known = this.#peers.get(id);
    if (known !== undefined) return known;
    const peer = new Peer(id);
    this.#peers.set(id, peer);
    return peer;
  }

  #dropUnused(peer: Peer): void {
    if (peer.dialer !== undefined || this.#connectionsOf(peer.id).length > 0) return;
    invariant(peer.line === undefined, 'a line has a connection');
    this.#peers.delete(peer.id);
  }

  #connectionsOf(id: MemberId): readonly Connection[] {
    return [...this.#connections].filter(({ peerId }) => peerId === id);
  }
}
