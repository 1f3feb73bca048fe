import { createRealEnv } from '@timonel/core';
import { createRecordingLogger } from '@timonel/testkit';
import { runtimeContract, type RuntimeCommands } from '@timonel/testkit/contracts/runtime';
import { FakeMachine, FakeRuntime } from './fake-runtime.ts';

const usage = { cpuMillis: 100, memoryBytes: 1024 * 1024 };

const commands: RuntimeCommands = {
  run: ['fake:run'],
  runIgnoringTerm: ['fake:ignore-term'],
  runUntilQuit: undefined,
  readyLine: undefined,
  endSoon: ['fake:exit', '5', '300'],
  exit: (code) => ['fake:exit', String(code)],
  print: undefined,
  copyInput: undefined,
  echoServer: undefined,
  killItself: ['fake:kill-itself'],
  absent: ['fake:absent', 'no-such-program-anywhere'],
};

runtimeContract(
  'runtime-fake',
  async () => {
    const machine = new FakeMachine();
    const env = createRealEnv();
    let runtime = new FakeRuntime(env, createRecordingLogger(), [], machine, usage);
    return {
      runtime,
      image: { imageId: 'sha256:fake', reference: 'fake:1', layers: [] },
      logDirectory: '/var/log/fake',
      commands,
      restart: async () => {
        runtime.close();
        runtime = new FakeRuntime(env, createRecordingLogger(), [], machine, usage);
        return runtime;
      },
      close: async () => runtime.close(),
    };
  },
  commands,
);
