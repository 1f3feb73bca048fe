import type { Message, ProposalId } from '../../../plugins/store-raft/src/raft/types.ts';
import type { Answer, Change, Operation } from '../workload/operation.ts';

/** What an entry's bytes say. `origin` names the write for the checkers: `client/number`. */
export interface Command {
  readonly origin: string;
  readonly operation: Operation;
}

export type Request =
  | { readonly type: 'register'; readonly requestId: string; readonly nonce: string }
  | { readonly type: 'write'; readonly requestId: string; readonly id: ProposalId; readonly command: Command }
  | {
      readonly type: 'read';
      readonly requestId: string;
      readonly from: string;
      readonly to: string;
      readonly mode: 'quorum' | 'lease' | 'serializable';
    }
  | {
      readonly type: 'keepAlive';
      readonly requestId: string;
      readonly leaseId: number;
      readonly mode: 'quorum' | 'lease';
    }
  | {
      readonly type: 'watch';
      readonly stream: string;
      readonly from: string;
      readonly to: string;
      readonly startRevision: number;
    };

export type Reply =
  | { readonly type: 'session'; readonly requestId: string; readonly session: number }
  | { readonly type: 'answer'; readonly requestId: string; readonly answer: Answer }
  /** Not done here: try again, elsewhere. */
  | { readonly type: 'refused'; readonly requestId: string; readonly reason: string }
  /** The write's session is not known: it was not done, and with this id it never will. */
  | { readonly type: 'noSession'; readonly requestId: string }
  /**
   * `number` counts the parts of a stream: a stream with a gap is broken, as a connection would be. `server` names the process that
   * sends it: a late copy of the request may open the stream anew at the next one.
   */
  | {
      readonly type: 'watched';
      readonly stream: string;
      readonly server: string;
      readonly number: number;
      readonly part: WatchPart;
    };

export type WatchPart =
  | { readonly type: 'changes'; readonly changes: readonly Change[] }
  | { readonly type: 'progress'; readonly revision: number }
  | { readonly type: 'compacted'; readonly compactedRevision: number };

export type Wire =
  | { readonly type: 'raft'; readonly message: Message }
  | { readonly type: 'request'; readonly request: Request }
  | { readonly type: 'reply'; readonly reply: Reply };

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function encodeJson(value: unknown): Uint8Array {
  return encoder.encode(JSON.stringify(value));
}

export function decodeJson(bytes: Uint8Array): unknown {
  return JSON.parse(decoder.decode(bytes));
}

const commands = new WeakMap<Uint8Array, Command>();

/** All members read the same bytes: once is enough. */
export function decodeCommand(bytes: Uint8Array): Command {
  const known = commands.get(bytes);
  if (known !== undefined) return known;
  const command = deepFreeze(decodeJson(bytes) as Command);
  commands.set(bytes, command);
  return command;
}

/** A receiver has a copy of its own. Freezing finds who changes what it sent, at a fraction of the cost of a copy. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value) || ArrayBuffer.isView(value)) return value;
  Object.freeze(value);
  for (const key in value) {
    const part = value[key];
    if (typeof part === 'object') deepFreeze(part);
  }
  return value;
}
