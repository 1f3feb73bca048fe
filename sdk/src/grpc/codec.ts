/** Bytes of messages. */
import protobuf from 'protobufjs';
import type { GrpcMessages } from './method.ts';

/** Absent fields become their defaults: 0, '', [], {}; absent messages null. Numbers beyond 2^53 lose their last digits. */
const plain = { longs: Number, defaults: true, arrays: true, objects: true };

export interface MessageCodec {
  readonly encode: (message: object) => Buffer;
  readonly decode: (bytes: Buffer) => unknown;
}

export interface MethodCodec {
  readonly request: MessageCodec;
  readonly answer: MessageCodec;
}

const roots = new Map<string, protobuf.Root>();
const codecs = new WeakMap<GrpcMessages, MethodCodec>();

function messageCodec(proto: string, name: string): MessageCodec {
  const root = roots.get(proto) ?? protobuf.parse(`syntax = "proto3";\n${proto}`, { keepCase: false }).root;
  roots.set(proto, root);
  const type = root.lookupType(name);
  return {
    encode: (message) => Buffer.from(type.encode(type.fromObject(message)).finish()),
    decode: (bytes) => type.toObject(type.decode(bytes), plain),
  };
}

export function codecOf(method: GrpcMessages): MethodCodec {
  const { proto, request, answer } = method;
  const known = codecs.get(method) ?? {
    request: messageCodec(proto, request),
    answer: messageCodec(proto, answer),
  };
  codecs.set(method, known);
  return known;
}
