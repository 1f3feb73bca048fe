/** The messages that are sent now and then: short lists in MessagePack, the number of the type first. */
import type {
  AppendRequest,
  AppendResponse,
  ForwardRefusal,
  ForwardRequest,
  HeartbeatRequest,
  HeartbeatResponse,
  MemberId,
  Message,
  ReadRequest,
  ReadResponse,
  SnapshotRequest,
} from '../raft/index.ts';
import { countField, flagField, listField, nameField } from './fields.ts';
import { wireLimits } from './limits.ts';
import { malformed } from './malformed.ts';
import { packPlain, unpackPlain } from './message-pack.ts';

export interface MessageEnds {
  readonly from: MemberId;
  readonly to: MemberId;
}

type HotMessage =
  | AppendRequest
  | AppendResponse
  | HeartbeatRequest
  | HeartbeatResponse
  | SnapshotRequest
  | ForwardRequest
  | ForwardRefusal
  | ReadRequest
  | ReadResponse;

export type ControlMessage = Exclude<Message, HotMessage>;

/** Never reuse a number. */
const typeNumber = {
  voteRequest: 1,
  voteResponse: 2,
  snapshotResponse: 3,
  timeoutNow: 4,
} as const satisfies Record<ControlMessage['type'], number>;

export function packControl(message: ControlMessage): Buffer {
  return packPlain([typeNumber[message.type], message.term, ...restOf(message)]);
}

function restOf(message: ControlMessage): readonly unknown[] {
  switch (message.type) {
    case 'voteRequest':
      return [message.preVote, message.transfer, message.lastIndex, message.lastTerm];
    case 'voteResponse':
      return [message.preVote, message.granted];
    case 'snapshotResponse':
      return [message.snapshotId, message.offset];
    case 'timeoutNow':
      return [];
  }
}

/** @throws MalformedError, or whatever msgpackr throws */
export function unpackControl(payload: Buffer, ends: MessageEnds): Message {
  const [type, termValue, ...rest] = listField(unpackPlain(payload), 'a message', 8);
  const base = { ...ends, term: countField(termValue, 'the term') };
  const message = unpackRest(type, base, rest);
  return message ?? malformed('a message has an unknown type');
}

type Base = MessageEnds & { readonly term: number };

function unpackRest(type: unknown, base: Base, rest: readonly unknown[]): Message | undefined {
  switch (type) {
    case typeNumber.voteRequest:
      return voteRequest(base, rest);
    case typeNumber.voteResponse: {
      const [preVote, granted] = fields(rest, 2);
      return {
        type: 'voteResponse',
        ...base,
        preVote: flagField(preVote, 'preVote'),
        granted: flagField(granted, 'granted'),
      };
    }
    case typeNumber.snapshotResponse: {
      const [id, offset] = fields(rest, 2);
      const snapshotId = nameField(id, 'the id of the snapshot', wireLimits.idBytes);
      return { type: 'snapshotResponse', ...base, snapshotId, offset: countField(offset, 'the offset') };
    }
    case typeNumber.timeoutNow:
      fields(rest, 0);
      return { type: 'timeoutNow', ...base };
    default:
      return undefined;
  }
}

function voteRequest(base: Base, rest: readonly unknown[]): Message {
  const [preVote, transfer, lastIndex, lastTermValue] = fields(rest, 4);
  const lastTerm = countField(lastTermValue, 'the last term');
  if (lastTerm > base.term) malformed(`a log of term ${lastTerm} cannot stand for term ${base.term}`);
  return {
    type: 'voteRequest',
    ...base,
    preVote: flagField(preVote, 'preVote'),
    transfer: flagField(transfer, 'transfer'),
    lastIndex: countField(lastIndex, 'the last index'),
    lastTerm,
  };
}

function fields(rest: readonly unknown[], length: number): readonly unknown[] {
  if (rest.length !== length) malformed(`a message has ${rest.length} fields, not ${length}`);
  return rest;
}
