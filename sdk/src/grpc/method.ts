/** A gRPC method as data: nothing of gRPC is loaded before the first call. */

export interface GrpcMessages {
  /** `/package.Service/Method`. */
  readonly path: string;
  /** Source in the proto3 language that holds the messages. */
  readonly proto: string;
  /** Names of messages in it. */
  readonly request: string;
  readonly answer: string;
}

/** The types of request and answer are what protobufjs makes of the messages: camel case, numbers for 64-bit integers. */
export interface GrpcMethod<Request extends object = object, Answer = unknown> extends GrpcMessages {
  /** Types alone; absent at run time. */
  readonly types?: (request: Request) => Answer;
}

/** Methods of one service, whose messages are in `proto`. */
export function grpcService(
  proto: string,
  service: string,
): <Request extends object, Answer>(name: string, request: string, answer: string) => GrpcMethod<Request, Answer> {
  return (name, request, answer) => ({ path: `/${service}/${name}`, proto, request, answer });
}
