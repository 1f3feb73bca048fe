/** A connection to the server process of a store of ours. */
import { connect, type Socket } from 'node:net';
import {
  answerFailed,
  answerId,
  answerPayload,
  encodeRequest,
  frameReader,
  type MemberState,
  type OperationName,
} from './protocol.ts';
import type { StoreConnection } from './store-group.ts';

interface Question {
  readonly resolve: (payload: Buffer) => void;
  readonly reject: (error: Error) => void;
}

const nothing = Buffer.alloc(0);

export class OurConnection implements StoreConnection {
  readonly #socket: Socket;
  readonly #questions = new Map<number, Question>();
  readonly #watches = new Map<number, (value: Buffer) => void>();
  #nextId = 0;

  static async open(port: number): Promise<OurConnection> {
    const socket = connect(port, '127.0.0.1');
    socket.setNoDelay(true);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return new OurConnection(socket);
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', () => undefined);
    socket.on('close', () => {
      for (const { reject } of this.#questions.values()) reject(new Error('the connection was closed'));
      this.#questions.clear();
    });
    socket.on(
      'data',
      frameReader((body) => this.#answered(body)),
    );
  }

  ask(operation: OperationName, key = '', value: Uint8Array = nothing): Promise<Buffer> {
    return new Promise((resolve, reject) => this.#send(operation, key, value, { resolve, reject }));
  }

  async put(key: string, value: Uint8Array): Promise<void> {
    await this.ask('put', key, value);
  }

  async get(key: string): Promise<number> {
    return (await this.ask('get', key)).length;
  }

  async status(): Promise<MemberState> {
    return JSON.parse((await this.ask('status')).toString()) as MemberState;
  }

  /** Resolves when the watch has begun. */
  watch(key: string, onValue: (value: Buffer) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const begun = (): void => {
        this.#watches.set(id, onValue);
        resolve();
      };
      const id = this.#send('watch', key, nothing, { resolve: begun, reject });
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #send(operation: OperationName, key: string, value: Uint8Array, question: Question): number {
    const id = this.#nextId++;
    if (this.#socket.destroyed) question.reject(new Error('the connection is closed'));
    else {
      this.#questions.set(id, question);
      this.#socket.write(encodeRequest(id, operation, key, value));
    }
    return id;
  }

  #answered(body: Buffer): void {
    const id = answerId(body);
    const watch = this.#watches.get(id);
    if (watch !== undefined) {
      // Ends the process: a measurement without all its events is none.
      if (answerFailed(body)) throw new Error(`a watch ended: ${answerPayload(body).toString()}`);
      watch(answerPayload(body));
      return;
    }
    const question = this.#questions.get(id);
    this.#questions.delete(id);
    if (answerFailed(body)) question?.reject(new Error(answerPayload(body).toString()));
    else question?.resolve(answerPayload(body));
  }
}
