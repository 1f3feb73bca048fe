import { PassThrough } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import type { ContainerRuntime, ExecSession } from '@timonel/sdk/contracts/runtime';
import type { Agent } from '../agent/agent.ts';
import { podWith, running, viewOf } from '../plan/testing.ts';
import { Sessions } from './sessions.ts';

const pod = { namespace: 'default', name: 'web', uid: 'uid-1' };
const options = { container: 'app', command: ['true'], stdin: false, tty: false };

/** An agent with one running pod, in which each process can be made to end or to fail. */
function bed(limit: number) {
  const processes: { readonly end: (exitCode: number) => void; readonly fail: () => void; killed: boolean }[] = [];
  const open = async (): Promise<ExecSession> => {
    let end: (exitCode: number) => void = () => undefined;
    let fail: () => void = () => undefined;
    const exited = new Promise<number>((resolve, reject) => {
      end = resolve;
      fail = () => reject(new Error('the runtime is gone'));
    });
    const process = { end, fail, killed: false };
    processes.push(process);
    const kill = (): void => void (process.killed = true);
    return { stdin: undefined, stdout: new PassThrough(), stderr: undefined, resize: () => undefined, exited, kill };
  };
  const containerStatus = (): Promise<never> => Promise.reject(new Error('the runtime is gone'));
  const runtime = { exec: open, attach: open, containerStatus } as unknown as ContainerRuntime;
  const view = viewOf({ containers: [running('app')] });
  const worker = { pod: () => podWith(), view: () => view, runtime: () => runtime };
  const sessions = new Sessions({ worker: () => worker } as unknown as Agent, limit);
  return { processes, sessions };
}

/** As many turns as promises and the look for rejections that nobody handles may take. */
const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
};

// A rejection that nobody handles fails the test in which it happens.
describe('sessions whose end cannot be told', () => {
  it('free their place, and trouble nobody but those who wait for them', async () => {
    const { processes, sessions } = bed(1);
    const session = await sessions.exec(pod, options);
    await expect(sessions.exec(pod, options)).rejects.toMatchObject({ reason: 'TooManyRequests' });
    processes[0]?.fail();
    await settled();
    await sessions.exec(pod, options);
    await expect(session.exited).rejects.toThrow('the runtime is gone');
  });

  it('are no fault when they were attached', async () => {
    const { processes, sessions } = bed(1);
    await sessions.attach(pod, options);
    processes[0]?.end(3);
    await settled();
    await sessions.attach(pod, options);
  });

  it('are left by an agent that stops while they are opened', async () => {
    const { processes, sessions } = bed(1);
    const opening = sessions.exec(pod, options);
    sessions.close();
    await expect(opening).rejects.toMatchObject({ reason: 'ServiceUnavailable' });
    expect(processes[0]?.killed).toBe(true);
    processes[0]?.fail();
    await settled();
  });
});
