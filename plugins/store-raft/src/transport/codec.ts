/** Raft messages as frames and back. Who sent a message and to whom is not in it: the connection says so. */
import { invariant } from '@timonel/sdk';
import type { AppendRequest, AppendResponse, Message, ReadResponse, SnapshotRequest } from '../raft/index.ts';
import { ByteReader } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import { packSnapshotMeta, unpackSnapshotMeta } from './configuration-codec.ts';
import { packControl, unpackControl, type MessageEnds } from './control-codec.ts';
import {
  readEntries,
  readProposals,
  sizeEntries,
  sizeOfProposals,
  writeEntries,
  writeProposals,
} from './entry-codec.ts';
import { frameHeadBytes, frameKind, frameOf, type Frame, type FrameKind } from './frames.ts';
import { wireLimits } from './limits.ts';
import { malformed } from './malformed.ts';

export type { MessageEnds };

const countBytes = 8;
const lengthBytes = 4;
// Never change their order: the position is sent.
const refusals = ['noLeader', 'notLeader', 'transferring', 'busy', 'tooLarge'] as const;

const readModes = ['quorum', 'lease'] as const;

/** A whole frame. @throws KernelError ERR_INVARIANT when the message breaks the bounds of the protocol */
export function encodeMessage(message: Message): Buffer {
  switch (message.type) {
    case 'appendRequest':
      return encodeAppendRequest(message);
    case 'appendResponse':
      return encodeAppendResponse(message);
    case 'heartbeatRequest':
      return encodeCounts(frameKind.heartbeatRequest, message.term, message.commit, message.round);
    case 'heartbeatResponse':
      return encodeCounts(frameKind.heartbeatResponse, message.term, message.round);
    case 'snapshotRequest':
      return encodeSnapshotRequest(message);
    case 'forwardRequest': {
      const writer = begin(frameKind.forwardRequest, countBytes + sizeOfProposals(message.proposals));
      writer.count(message.term);
      writeProposals(writer, message.proposals);
      return writer.done();
    }
    case 'forwardRefusal': {
      const writer = begin(frameKind.forwardRefusal, countBytes + 1 + sizeOfProposals(message.proposals));
      writer.count(message.term);
      writer.u8(refusals.indexOf(message.reason));
      writeProposals(writer, message.proposals);
      return writer.done();
    }
    case 'readRequest': {
      const writer = begin(frameKind.readRequest, 2 * countBytes + 1);
      writer.count(message.term);
      writer.count(message.context);
      writer.u8(readModes.indexOf(message.mode));
      return writer.done();
    }
    case 'readResponse':
      return encodeReadResponse(message);
    default:
      return frameOf(frameKind.control, packControl(message));
  }
}

/**
 * The message in a frame, checked. Undefined: the frame is of another kind.
 * @throws MalformedError, or whatever a library throws at senseless bytes
 */
export function decodeMessage(frame: Frame, ends: MessageEnds): Message | undefined {
  switch (frame.kind) {
    case frameKind.appendRequest:
      return decodeAppendRequest(readerOf(frame), ends);
    case frameKind.appendResponse:
      return decodeAppendResponse(new ByteReader(frame.payload), ends);
    case frameKind.heartbeatRequest: {
      const [term = 0, commit = 0, round = 0] = decodeCounts(frame, 3);
      return { type: 'heartbeatRequest', ...ends, term, commit, round };
    }
    case frameKind.heartbeatResponse: {
      const [term = 0, round = 0] = decodeCounts(frame, 2);
      return { type: 'heartbeatResponse', ...ends, term, round };
    }
    case frameKind.snapshotRequest:
      return decodeSnapshotRequest(readerOf(frame), ends);
    case frameKind.forwardRequest: {
      const reader = readerOf(frame);
      const message: Message = {
        type: 'forwardRequest',
        ...ends,
        term: reader.count(),
        proposals: readProposals(reader),
      };
      reader.end();
      return message;
    }
    case frameKind.forwardRefusal: {
      const reader = readerOf(frame);
      const term = reader.count();
      const reason = refusals[reader.u8()] ?? malformed('the reason of a refusal is unknown');
      const message: Message = { type: 'forwardRefusal', ...ends, term, reason, proposals: readProposals(reader) };
      reader.end();
      return message;
    }
    case frameKind.readRequest: {
      const reader = new ByteReader(frame.payload);
      const [term, context] = [reader.count(), reader.count()];
      const mode = readModes[reader.u8()] ?? malformed('the mode of a read is unknown');
      reader.end();
      return { type: 'readRequest', ...ends, term, context, mode };
    }
    case frameKind.readResponse:
      return decodeReadResponse(new ByteReader(frame.payload), ends);
    case frameKind.control:
      return unpackControl(frame.payload, ends);
    default:
      return undefined;
  }
}

function begin(kind: FrameKind, payloadBytes: number): ByteWriter {
  const writer = new ByteWriter(frameHeadBytes + payloadBytes);
  writer.u32(payloadBytes + 1);
  writer.u8(kind);
  return writer;
}

/** Of a frame whose bytes stay: the data of entries are views of it. */
function readerOf({ payload, owned }: Frame): ByteReader {
  return new ByteReader(owned ? payload : Buffer.from(payload));
}

function encodeCounts(kind: FrameKind, ...counts: readonly number[]): Buffer {
  const writer = begin(kind, counts.length * countBytes);
  for (const count of counts) writer.count(count);
  return writer.done();
}

function decodeCounts({ payload }: Frame, length: number): readonly number[] {
  const reader = new ByteReader(payload);
  const counts: number[] = [];
  while (counts.length < length) counts.push(reader.count());
  reader.end();
  return counts;
}

function encodeAppendRequest(message: AppendRequest): Buffer {
  const sized = sizeEntries(message.entries, message.prevIndex, message.prevTerm);
  const writer = begin(frameKind.appendRequest, 5 * countBytes + lengthBytes + sized.sizeBytes);
  writer.count(message.term);
  writer.count(message.prevIndex);
  writer.count(message.prevTerm);
  writer.count(message.commit);
  writer.count(message.round);
  writer.u32(message.entries.length);
  writeEntries(writer, sized);
  return writer.done();
}

function decodeAppendRequest(reader: ByteReader, ends: MessageEnds): Message {
  const term = reader.count();
  const prevIndex = reader.count();
  const prevTerm = reader.count();
  if (prevTerm > term) malformed(`an entry of term ${prevTerm} cannot be in a log of term ${term}`);
  const commit = reader.count();
  const round = reader.count();
  const entries = readEntries(reader, prevIndex, prevTerm, term);
  reader.end();
  return { type: 'appendRequest', ...ends, term, prevIndex, prevTerm, entries, commit, round };
}

function encodeAppendResponse({ term, round, result }: AppendResponse): Buffer {
  const accepted = result.type === 'accepted';
  const writer = begin(frameKind.appendResponse, (accepted ? 3 : 5) * countBytes + 1);
  writer.count(term);
  writer.count(round);
  writer.flag(accepted);
  writer.count(result.index);
  if (result.type === 'rejected') {
    writer.count(result.prevIndex);
    writer.count(result.hintTerm);
  }
  return writer.done();
}

function decodeAppendResponse(reader: ByteReader, ends: MessageEnds): Message {
  const term = reader.count();
  const round = reader.count();
  const accepted = reader.flag();
  const index = reader.count();
  const result = accepted
    ? ({ type: 'accepted', index } as const)
    : ({ type: 'rejected', index, prevIndex: reader.count(), hintTerm: reader.count() } as const);
  reader.end();
  return { type: 'appendResponse', ...ends, term, round, result };
}

function encodeReadResponse({ term, context, index }: ReadResponse): Buffer {
  const writer = begin(frameKind.readResponse, (index === undefined ? 2 : 3) * countBytes + 1);
  writer.count(term);
  writer.count(context);
  writer.flag(index !== undefined);
  if (index !== undefined) writer.count(index);
  return writer.done();
}

function decodeReadResponse(reader: ByteReader, ends: MessageEnds): Message {
  const term = reader.count();
  const context = reader.count();
  const index = reader.flag() ? reader.count() : undefined;
  reader.end();
  return { type: 'readResponse', ...ends, term, context, index };
}

function encodeSnapshotRequest({ term, snapshot, offset, data, last }: SnapshotRequest): Buffer {
  const meta = packSnapshotMeta(snapshot);
  invariant(meta.length <= wireLimits.configurationBytes, 'the configuration of a snapshot fits into a message');
  const writer = begin(frameKind.snapshotRequest, 2 * countBytes + 1 + lengthBytes + meta.length + data.byteLength);
  writer.count(term);
  writer.count(offset);
  writer.flag(last);
  writer.u32(meta.length);
  writer.raw(meta);
  writer.raw(data);
  return writer.done();
}

function decodeSnapshotRequest(reader: ByteReader, ends: MessageEnds): Message {
  const term = reader.count();
  const offset = reader.count();
  const last = reader.flag();
  const metaBytes = reader.u32();
  if (metaBytes > wireLimits.configurationBytes) malformed('what describes the snapshot is too long');
  const snapshot = unpackSnapshotMeta(reader.bytes(metaBytes));
  if (snapshot.term > term) malformed(`a snapshot of term ${snapshot.term} cannot be sent in term ${term}`);
  const data = reader.bytes(reader.left);
  const end = offset + data.byteLength;
  if (end > snapshot.sizeBytes) malformed('a piece lies behind the end of its snapshot');
  if (last && end < snapshot.sizeBytes) malformed('the last piece of a snapshot does not reach its end');
  return { type: 'snapshotRequest', ...ends, term, snapshot, offset, data, last };
}
