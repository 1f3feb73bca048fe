const KiB = 1024;
const MiB = 1024 * KiB;

/** Bounds and times of the transport. What happens at each bound stands beside it. */
export interface TransportLimits {
  /** A larger frame is not sent (`send` is false, a call is TOO_LARGE); a peer that announces one loses its connection. */
  readonly frameBytes: number;
  /** Waits for one peer, in our queue and in the socket: beyond either, messages are dropped. */
  readonly queueBytes: number;
  readonly queueMessages: number;
  /** Bytes handed to the socket in one write, but for a single frame that is larger. */
  readonly writeBytes: number;
  /** Members connected to us at once; one more is refused. */
  readonly connections: number;
  /** Connections that have not shown who they are: one more closes the oldest of them. */
  readonly strangers: number;
  /** From the first packet to the other's hello; then the connection is closed. */
  readonly handshakeMs: number;
  /** A connection over which nothing came for so long is closed. Both sides say something four times as often. */
  readonly silenceMs: number;
  /** Wait between two attempts to connect: doubles from the first to the second, each time between half and all of it. */
  readonly minBackoffMs: number;
  readonly maxBackoffMs: number;
  /** How often the certificate files are looked at. */
  readonly certificateCheckMs: number;
  /** Calls to one peer that wait for their answers; one more is UNAVAILABLE. */
  readonly callsWaiting: number;
  /** Calls of one connection that are worked on at once, of `queueBytes` together; one more is answered with UNAVAILABLE. */
  readonly callsServed: number;
  /** One address is named in the log at most so often for the same kind of trouble. */
  readonly logEveryMs: number;
  /** How long `close` waits for what is queued to leave. */
  readonly closeMs: number;
}

export const defaultLimits: TransportLimits = {
  frameBytes: 16 * MiB,
  queueBytes: 64 * MiB,
  queueMessages: 16_384,
  writeBytes: MiB,
  connections: 64,
  strangers: 64,
  handshakeMs: 5_000,
  silenceMs: 2_000,
  minBackoffMs: 50,
  maxBackoffMs: 2_000,
  certificateCheckMs: 5_000,
  callsWaiting: 1_024,
  callsServed: 256,
  logEveryMs: 60_000,
  closeMs: 500,
};

/** Bounds of single fields, in bytes of UTF-8 or in elements. Part of the protocol: equal on all members. */
interface WireLimits {
  readonly idBytes: number;
  readonly addressBytes: number;
  readonly nonceBytes: number;
  readonly methodBytes: number;
  readonly errorBytes: number;
  /** Of each list of a configuration. */
  readonly members: number;
  /** Entries or proposals of one message. */
  readonly entries: number;
  readonly configurationBytes: number;
  /** The first frame of a connection. */
  readonly helloBytes: number;
}

export const wireLimits: WireLimits = {
  idBytes: 256,
  addressBytes: 512,
  nonceBytes: 256,
  methodBytes: 128,
  errorBytes: 8 * KiB,
  members: 256,
  entries: 65_536,
  configurationBytes: MiB,
  helloBytes: 2 * KiB,
};
