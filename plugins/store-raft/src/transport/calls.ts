/** Request and response over one connection. */
import { errorCode, errorMessage, type Env, type TimerHandle } from '@timonel/sdk';
import { StoreError, type StoreErrorCode } from '@timonel/sdk/contracts/store';
import type { MemberId } from '../raft/index.ts';
import { countField, nameField, textField, tupleField } from './fields.ts';
import { frameKind, frameOf, type Frame, type FrameKind } from './frames.ts';
import { wireLimits, type TransportLimits } from './limits.ts';
import { attempt } from './malformed.ts';
import { checkPlain, packPlain, unpackPlain } from './message-pack.ts';
import type { PeerCall } from './types.ts';

export interface CallsOptions {
  readonly env: Env;
  readonly limits: TransportLimits;
  readonly peerId: MemberId;
  /** False: dropped. */
  readonly send: (frame: Buffer) => boolean;
  readonly serve: (call: PeerCall) => Promise<unknown>;
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly deadline: TimerHandle;
}

const storeErrorCodes: Readonly<Record<StoreErrorCode, true>> = {
  COMPACTED: true,
  FUTURE_REVISION: true,
  SLOW_WATCHER: true,
  STOPPED: true,
  LEASE_NOT_FOUND: true,
  TOO_LARGE: true,
  NO_SPACE: true,
  UNAVAILABLE: true,
  REFUSED: true,
  CORRUPT: true,
};

export class Calls {
  readonly #options: CallsOptions;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  #serving = 0;
  #servingBytes = 0;
  #closed = false;

  constructor(options: CallsOptions) {
    this.#options = options;
  }

  /** @throws StoreError UNAVAILABLE, TOO_LARGE; what the other side threw; TypeError for a payload that is not plain data */
  async call(method: string, payload: unknown, timeoutMs: number): Promise<unknown> {
    const { env, limits, peerId, send } = this.#options;
    if (this.#closed) throw unavailable(`the connection to member ${peerId} is closed`);
    if (this.#waiting.size >= limits.callsWaiting) {
      throw unavailable(`${limits.callsWaiting} calls to member ${peerId} wait for their answers: try again later`);
    }
    const id = ++this.#lastId;
    const frame = callFrame(id, method, payload, limits.frameBytes);
    return new Promise((resolve, reject) => {
      const fail = (reason: string): void => {
        this.#take(id);
        reject(unavailable(reason));
      };
      const deadline = env.timers.after(timeoutMs, () =>
        fail(`member ${peerId} did not answer ${method} within ${timeoutMs} ms`),
      );
      this.#waiting.set(id, { resolve, reject, deadline });
      if (!send(frame)) fail(`too much waits to be sent to member ${peerId}: try again later`);
    });
  }

  /** What is wrong with the frame, if anything. Undefined also when it was none of ours: see `isCallFrame`. */
  onFrame(frame: Frame): string | undefined {
    const result = attempt(() => {
      if (frame.kind === frameKind.call) this.#onCall(frame.payload);
      else if (frame.kind === frameKind.answer) this.#onAnswer(frame.payload);
      else this.#onFailure(frame.payload);
    });
    return 'problem' in result ? result.problem : undefined;
  }

  /** Fails all that wait. */
  close(reason: string): void {
    this.#closed = true;
    for (const id of this.#waiting.keys()) this.#take(id)?.reject(unavailable(reason));
  }

  #onCall(payload: Buffer): void {
    const [idValue, methodValue, callPayload] = tupleField(unpackPlain(payload), 'a call', 3);
    const id = countField(idValue, 'the number of a call');
    const method = nameField(methodValue, 'the method of a call', wireLimits.methodBytes);
    const { limits, peerId } = this.#options;
    const tooMuch = this.#servingBytes + payload.length > limits.queueBytes;
    if (tooMuch || this.#serving >= limits.callsServed) {
      this.#fail(id, unavailable(`too many calls of member ${peerId} are worked on: try again later`));
      return;
    }
    this.#serving++;
    this.#servingBytes += payload.length;
    void this.#serve(id, { from: peerId, method, payload: callPayload }).finally(() => {
      this.#serving--;
      this.#servingBytes -= payload.length;
    });
  }

  async #serve(id: number, call: PeerCall): Promise<void> {
    const { limits, serve, send } = this.#options;
    let frame: Buffer;
    try {
      frame = plainFrame(frameKind.answer, [id, await serve(call)], `the answer to ${call.method}`, limits.frameBytes);
    } catch (error) {
      this.#fail(id, error);
      return;
    }
    // Not sent because too much waits, or the connection is gone: the caller's time-out tells.
    if (!this.#closed) send(frame);
  }

  #fail(id: number, error: unknown): void {
    if (this.#closed) return;
    const compacted = (error as { compactedRevision?: unknown } | null | undefined)?.compactedRevision;
    const message = cut(errorMessage(error), wireLimits.errorBytes);
    const code = errorCode(error);
    const fields = [
      code === undefined ? null : cut(code, wireLimits.methodBytes),
      message,
      Number.isSafeInteger(compacted) ? compacted : null,
    ];
    this.#options.send(frameOf(frameKind.failure, packPlain([id, ...fields])));
  }

  #onAnswer(payload: Buffer): void {
    const [id, value] = tupleField(unpackPlain(payload), 'an answer', 2);
    // Not there: it came too late.
    this.#take(countField(id, 'the number of an answer'))?.resolve(value);
  }

  #onFailure(payload: Buffer): void {
    const [id, code, messageValue, compacted] = tupleField(unpackPlain(payload), 'a failure', 4);
    const message = textField(messageValue, 'the message of a failure', wireLimits.errorBytes);
    const error = errorOf(
      code === null ? undefined : nameField(code, 'the code of a failure', wireLimits.methodBytes),
      message,
      compacted === null ? undefined : countField(compacted, 'the revision of a failure'),
    );
    this.#take(countField(id, 'the number of a failure'))?.reject(error);
  }

  #take(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    waiting?.deadline.cancel();
    return waiting;
  }
}

/** Frames that belong to `Calls.onFrame`. */
export function isCallFrame({ kind }: Frame): boolean {
  return kind === frameKind.call || kind === frameKind.answer || kind === frameKind.failure;
}

function callFrame(id: number, method: string, payload: unknown, frameBytes: number): Buffer {
  if (method === '' || Buffer.byteLength(method) > wireLimits.methodBytes) {
    throw new TypeError(`the method of a call has 1 to ${wireLimits.methodBytes} bytes`);
  }
  return plainFrame(frameKind.call, [id, method, payload], `the call ${method}`, frameBytes);
}

/** A frame that the other side will take. @throws StoreError TOO_LARGE; TypeError */
function plainFrame(kind: FrameKind, value: unknown, what: string, frameBytes: number): Buffer {
  const packed = packPlain(value);
  const result = attempt(() => checkPlain(packed));
  if ('problem' in result) throw new TypeError(`${what} carries something else than plain data: ${result.problem}`);
  const frame = frameOf(kind, packed);
  if (frame.length <= frameBytes) return frame;
  throw new StoreError('TOO_LARGE', `${what} has ${frame.length} bytes, at most ${frameBytes} are allowed`);
}

function errorOf(code: string | undefined, message: string, compactedRevision: number | undefined): Error {
  if (code === undefined) return new Error(message);
  if (!Object.hasOwn(storeErrorCodes, code)) return Object.assign(new Error(message), { code });
  return new StoreError(code as StoreErrorCode, message, compactedRevision === undefined ? {} : { compactedRevision });
}

function unavailable(message: string): StoreError {
  return new StoreError('UNAVAILABLE', message);
}

/** At most so many bytes of UTF-8; a character takes at most three of them for each unit. */
function cut(text: string, bytes: number): string {
  return Buffer.byteLength(text) <= bytes ? text : text.slice(0, Math.floor(bytes / 3));
}
