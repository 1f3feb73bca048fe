import { expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core/env';
import type { SuiteContext } from './suite-context.ts';

const { clock } = createRealEnv();

export function sandboxTests(suite: SuiteContext): void {
  it('makes a sandbox, lists it with its labels, and forgets it when removed', async () => {
    const id = suite.newId();
    const before = clock.now();
    const status = await suite.runtime.runSandbox(suite.sandbox(id, { labels: { app: 'web' } }));
    expect(status).toMatchObject({ id, podUid: `uid-${id}`, podNamespace: 'default', podName: id, state: 'ready' });
    expect(status.createdAt).toBeGreaterThanOrEqual(before - 1000);
    const listed = (await suite.runtime.listSandboxes()).find((each) => each.id === id);
    expect(listed).toEqual(status);
    expect(listed?.labels).toEqual({ app: 'web' });
    await suite.runtime.removeSandbox(id);
    expect((await suite.runtime.listSandboxes()).map((each) => each.id)).not.toContain(id);
  });

  it('refuses a second sandbox of the same id and leaves the first alone', async () => {
    const id = await suite.newSandbox();
    await expect(suite.runtime.runSandbox(suite.sandbox(id))).rejects.toMatchObject({
      name: 'RuntimeError',
      reason: 'FailedCreatePodSandBox',
    });
    expect((await suite.runtime.listSandboxes()).find((each) => each.id === id)?.state).toBe('ready');
  });

  it('stops and removes what it does not know without complaint, and twice what it knows', async () => {
    await suite.runtime.stopSandbox('never-made');
    await suite.runtime.removeSandbox('never-made');
    const id = await suite.newSandbox();
    await suite.runtime.stopSandbox(id);
    await suite.runtime.stopSandbox(id);
    expect((await suite.runtime.listSandboxes()).find((each) => each.id === id)?.state).toBe('notready');
    await Promise.all([suite.runtime.removeSandbox(id), suite.runtime.removeSandbox(id)]);
    await suite.runtime.removeSandbox(id);
  });

  it('kills the containers of a sandbox that is stopped, and removes them with it', async () => {
    const id = await suite.newSandbox();
    const container = await suite.started(id, suite.commands.run);
    await suite.runtime.stopSandbox(id);
    expect(await suite.runtime.containerStatus(container)).toMatchObject({ state: 'exited', exitCode: 137 });
    await suite.runtime.removeSandbox(id);
    expect(await suite.runtime.containerStatus(container)).toBeUndefined();
  });

  it('refuses a container in a sandbox that is absent or stopped', async () => {
    const id = await suite.newSandbox();
    await suite.runtime.stopSandbox(id);
    for (const sandboxId of [id, 'never-made']) {
      const config = suite.container(sandboxId, suite.newId(), suite.commands.run);
      await expect(suite.runtime.createContainer(config)).rejects.toMatchObject({ name: 'RuntimeError' });
      expect(await suite.runtime.containerStatus(config.id)).toBeUndefined();
    }
  });
}
