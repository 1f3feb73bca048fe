/** Numbers of the channels of a session. Source: k8s.io/apimachinery/pkg/util/remotecommand. */
export const channels: {
  readonly stdin: 0;
  readonly stdout: 1;
  readonly stderr: 2;
  readonly error: 3;
  readonly resize: 4;
  /** Not a channel: a frame whose second byte names the channel that its sender has ended. */
  readonly close: 255;
} = Object.freeze({ stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 });

/** A WebSocket sub-protocol of sessions: each message begins with the number of its channel. */
export interface ChannelProtocol {
  readonly name: string;
  /** Messages are texts: a digit for the channel, then base64. */
  readonly base64: boolean;
  /** The error channel ends with a Status (from version 4 on), in place of a text when something went wrong. */
  readonly status: boolean;
  /** Clients can end one channel (version 5). */
  readonly closes: boolean;
}

function protocol(name: string, status: boolean, closes: boolean): ChannelProtocol {
  return Object.freeze({ name, base64: name.includes('base64'), status, closes });
}

/** What node servers and the API server speak with each other. */
export const nodeProtocol: ChannelProtocol = protocol('v5.channel.k8s.io', true, true);

/** All that are served. The last one is for clients that name none. */
export const channelProtocols: readonly ChannelProtocol[] = Object.freeze([
  nodeProtocol,
  protocol('v5.base64.channel.k8s.io', true, true),
  protocol('v4.channel.k8s.io', true, false),
  protocol('v4.base64.channel.k8s.io', true, false),
  protocol('base64.channel.k8s.io', false, false),
  protocol('channel.k8s.io', false, false),
  protocol('', false, false),
]);

/** Longest message that is taken; a longer one ends the connection. */
export const messageLimitBytes: number = 4 * 1024 * 1024;
