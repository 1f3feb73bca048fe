/** gRPC over unix sockets, both ends, as CSI drivers and device plugins speak it. */
export * from './client.ts';
export * from './grpc-error.ts';
export * from './method.ts';
export * from './server.ts';
