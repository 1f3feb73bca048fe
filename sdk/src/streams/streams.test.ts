import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ApiError } from '../kube/index.ts';
import {
  exitCodeOf,
  exitStatus,
  failureStatus,
  joinStreams,
  runSession,
  TerminalSizes,
  terminalSizeText,
} from './index.ts';

describe('the status at the end of a session', () => {
  it('stands for the exit code', () => {
    for (const code of [0, 1, 3, 137, 255]) expect(exitCodeOf(exitStatus(code))).toBe(code);
  });

  it('stands for a failure, whatever it was', () => {
    const refused = new ApiError('BadRequest', 'no');
    expect(() => exitCodeOf(failureStatus(refused))).toThrow('no');
    expect(failureStatus(new Error('broken'))).toMatchObject({ reason: 'InternalError', message: 'broken', code: 500 });
    expect(() =>
      exitCodeOf({ ...exitStatus(3), details: { causes: [{ reason: 'ExitCode', message: 'x' }] } }),
    ).toThrow();
  });
});

describe('sizes of a terminal', () => {
  const size = fc.record({ columns: fc.integer({ min: 1, max: 65_535 }), rows: fc.integer({ min: 1, max: 65_535 }) });

  it('come back as they were, wherever their text is cut', () => {
    fc.assert(
      fc.property(fc.array(size, { maxLength: 5 }), fc.integer({ min: 1, max: 20 }), (sizes, step) => {
        const text = Buffer.from(sizes.map(terminalSizeText).join('\n'));
        const reader = new TerminalSizes();
        const found = [];
        for (let at = 0; at < text.length; at += step) found.push(...reader.add(text.subarray(at, at + step)));
        expect(found).toEqual(sizes);
      }),
    );
  });

  it('are passed over when they are none', () => {
    const reader = new TerminalSizes();
    for (const text of ['{}', '{"Width":0,"Height":1}', '{"Width":"x"}', '[1}', 'null}', '{"Width":99999,"Height":1}'])
      expect(reader.add(Buffer.from(text))).toEqual([]);
    expect(reader.add(Buffer.alloc(100_000, '{'))).toEqual([]);
    expect(reader.add(Buffer.from('}{"height":2,"width":1}'))).toEqual([{ columns: 1, rows: 2 }]);
  });
});

describe('two streams that are joined', () => {
  it('end together when one breaks', async () => {
    const [one, other] = [new PassThrough(), new PassThrough()];
    const joined = joinStreams(one, other);
    one.destroy(new Error('broken'));
    await joined;
    expect(other.destroyed).toBe(true);
  });

  it('are over at once when one is gone already', async () => {
    const [one, other] = [new PassThrough(), new PassThrough()];
    one.destroy();
    await once(one, 'close');
    await joinStreams(one, other);
    expect(other.destroyed).toBe(true);
  });
});

describe('a session', () => {
  it('is killed when its client goes, however much it has to say', async () => {
    let killed = false;
    const stdout = new PassThrough();
    stdout.write(Buffer.alloc(1_000_000));
    const session = {
      stdin: undefined,
      stdout,
      stderr: undefined,
      resize: () => undefined,
      exited: new Promise<number>(() => undefined),
      kill: () => (killed = true),
    };
    const nobody = { stdin: undefined, stderr: undefined, resize: undefined, status: true };
    const [target, error] = [new PassThrough(), new PassThrough()];
    await runSession(session, { ...nobody, stdout: target, error, gone: Promise.resolve() });
    expect([killed, error.readableLength]).toEqual([true, 0]);
  });

  it('that fails says so, after its output', async () => {
    const stdout = new PassThrough();
    stdout.end('last words');
    const exited = Promise.reject(new ApiError('ServiceUnavailable', 'the node is gone'));
    const session = {
      stdin: undefined,
      stdout,
      stderr: undefined,
      resize: () => undefined,
      exited,
      kill: () => undefined,
    };
    const [target, error] = [new PassThrough(), new PassThrough()];
    const gone = new Promise<void>(() => undefined);
    const client = { stdin: undefined, stderr: undefined, resize: undefined, stdout: target, error, gone };
    const running = runSession(session, { ...client, status: false });
    expect(String((await once(target, 'data'))[0])).toBe('last words');
    expect(String((await once(error, 'data'))[0])).toBe('the node is gone');
    await running;
  });
});
