/**
 * Sessions in containers over one connection: the channel protocol that Kubernetes speaks over WebSocket, from both ends. The API
 * server speaks it with clients, and with the nodes of other processes.
 */
export * from './channel-protocol.ts';
export * from './channel-socket.ts';
export * from './exit-status.ts';
export * from './join-streams.ts';
export * from './remote-port.ts';
export * from './remote-session.ts';
export * from './run-session.ts';
export * from './terminal-size.ts';
