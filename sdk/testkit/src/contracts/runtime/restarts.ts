import { expect, it } from '@jest/globals';
import type { RuntimeEvent } from '@timonel/sdk/contracts/runtime';
import { until } from '../../until.ts';
import type { SuiteContext } from './suite-context.ts';

export function restartTests(suite: SuiteContext): void {
  it('tells of starts, exits and stopped sandboxes, until the listener is removed', async () => {
    const events: RuntimeEvent[] = [];
    const sandbox = await suite.newSandbox();
    const forget = suite.runtime.onEvent((event) => {
      if (event.sandboxId === sandbox) events.push(event);
    });
    const id = await suite.started(sandbox, suite.commands.endSoon);
    await suite.exited(id);
    const base = { sandboxId: sandbox, podUid: `uid-${sandbox}` };
    await until(() => events.length >= 2, { what: 'start and exit to be told' });
    await suite.runtime.stopSandbox(sandbox);
    await until(() => events.length >= 3, { what: 'the stop of the sandbox to be told' });
    expect(events).toEqual([
      { ...base, type: 'container-started', containerId: id },
      { ...base, type: 'container-exited', containerId: id },
      { ...base, type: 'sandbox-stopped', containerId: undefined },
    ]);
    forget();
    await suite.runtime.removeSandbox(sandbox);
    expect(events).toHaveLength(3);
  });

  it('goes on when a listener throws', async () => {
    const forget = suite.runtime.onEvent(() => {
      throw new Error('a bad listener');
    });
    const sandbox = await suite.newSandbox();
    const id = await suite.started(sandbox, suite.commands.exit(0));
    expect(await suite.exited(id)).toMatchObject({ exitCode: 0 });
    forget();
  });

  it('finds running containers again after a restart of the agent', async () => {
    const sandbox = await suite.newSandbox();
    const id = await suite.started(sandbox, suite.commands.run);
    const created = suite.container(sandbox, suite.newId(), suite.commands.exit(7));
    await suite.runtime.createContainer(created);
    const before = await suite.runtime.containerStatus(id);
    const sandboxBefore = (await suite.runtime.listSandboxes()).find((each) => each.id === sandbox);
    await suite.restart();
    expect(await suite.runtime.containerStatus(id)).toEqual(before);
    expect((await suite.runtime.listSandboxes()).find((each) => each.id === sandbox)).toEqual(sandboxBefore);
    await suite.runtime.startContainer(created.id);
    expect(await suite.exited(created.id)).toMatchObject({ exitCode: 7 });
    await suite.runtime.stopContainer(id, 5000);
    expect(await suite.runtime.containerStatus(id)).toMatchObject({ state: 'exited', exitCode: 0 });
  });

  it('knows after a restart how a container ended meanwhile, or ends later', async () => {
    const sandbox = await suite.newSandbox();
    const ended = await suite.started(sandbox, suite.commands.exit(9));
    const ending = await suite.started(sandbox, suite.commands.endSoon);
    await suite.restart();
    expect(await suite.exited(ended)).toMatchObject({ exitCode: 9, reason: 'Error' });
    expect(await suite.exited(ending)).toMatchObject({ exitCode: 5, reason: 'Error' });
  });
}
