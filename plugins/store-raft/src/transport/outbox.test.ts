import { describe, expect, it } from '@jest/globals';
import { Outbox, type QueueUse } from './outbox.ts';

interface Socket {
  readonly writes: string[];
  /** Whether it takes more after a write. */
  more: boolean;
  /** The oldest write has left. */
  sent: () => void;
}

function build(limits: { queueBytes?: number; queueMessages?: number; writeBytes?: number } = {}): {
  readonly outbox: Outbox;
  readonly socket: Socket;
  readonly use: QueueUse;
} {
  const waiting: (() => void)[] = [];
  const socket: Socket = { writes: [], more: true, sent: () => waiting.shift()?.() };
  const use: QueueUse = { bytes: 0, messages: 0 };
  const outbox = new Outbox({
    use,
    limits: { queueBytes: 1000, queueMessages: 100, writeBytes: 100, ...limits },
    write: (bytes, done) => {
      socket.writes.push(bytes.toString());
      waiting.push(done);
      return socket.more;
    },
  });
  return { outbox, socket, use };
}

const frame = (text: string): Buffer => Buffer.from(text);

describe('an outbox', () => {
  it('writes all that waits at once, in order, and no more than fits into one write', () => {
    const { outbox, socket } = build({ writeBytes: 5 });
    for (const text of ['a', 'bb', 'cc', 'dd', 'eeeeeeeee', 'f']) outbox.add(frame(text), false);
    outbox.flush();
    expect(socket.writes).toEqual(['abbcc', 'dd', 'eeeeeeeee', 'f']);
  });

  it('writes a piece of bulk only when nothing else waits, and one at a time', () => {
    const { outbox, socket } = build();
    socket.more = false;
    for (const text of ['B1', 'B2', 'B3']) outbox.add(frame(text), true);
    outbox.add(frame('a'), false);
    outbox.flush();
    expect(socket.writes).toEqual(['a']);
    outbox.resume();
    expect(socket.writes).toEqual(['a', 'B1']);
    outbox.add(frame('b'), false);
    outbox.flush();
    expect(socket.writes).toEqual(['a', 'B1']);
    for (let at = 0; at < 3; at++) outbox.resume();
    expect(socket.writes).toEqual(['a', 'B1', 'b', 'B2', 'B3']);
  });

  it('counts what the socket has not taken, for all that share the count', () => {
    const { outbox, socket, use } = build({ queueBytes: 10, queueMessages: 3 });
    expect(outbox.add(frame('123456'), false)).toBe(true);
    outbox.flush();
    expect(outbox.add(frame('12345'), true)).toBe(false);
    expect(outbox.add(frame('1234'), true)).toBe(true);
    expect(use).toEqual({ bytes: 10, messages: 2 });
    socket.sent();
    expect(use).toEqual({ bytes: 4, messages: 1 });
    expect(outbox.idle).toBe(false);
    expect([outbox.add(frame('1'), false), outbox.add(frame('1'), false), outbox.add(frame('1'), false)]).toEqual([
      true,
      true,
      false,
    ]);
    // Another connection to the same peer has used it up.
    use.messages = 0;
    use.bytes = 10;
    expect(outbox.add(frame('1'), false)).toBe(false);
  });

  it('gives back what it held when it is closed, once', () => {
    const { outbox, socket, use } = build();
    outbox.add(frame('a'), false);
    outbox.flush();
    outbox.add(frame('b'), false);
    outbox.close();
    expect(use).toEqual({ bytes: 0, messages: 0 });
    socket.sent();
    outbox.close();
    expect(use).toEqual({ bytes: 0, messages: 0 });
    expect(outbox.add(frame('c'), false)).toBe(false);
    outbox.resume();
    expect(socket.writes).toEqual(['a']);
  });
});
