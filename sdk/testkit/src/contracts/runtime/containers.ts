import { expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core/env';
import type { SuiteContext } from './suite-context.ts';

const { clock } = createRealEnv();

export function containerTests(suite: SuiteContext): void {
  it('goes from created to running to exited, with its times in order', async () => {
    const sandbox = await suite.newSandbox();
    const config = suite.container(sandbox, suite.newId(), suite.commands.run, { attempt: 2, labels: { tier: 'a' } });
    const created = await suite.runtime.createContainer(config);
    expect(created).toMatchObject({
      id: config.id,
      sandboxId: sandbox,
      name: config.name,
      attempt: 2,
      state: 'created',
    });
    expect(created).toMatchObject({ startedAt: 0, finishedAt: 0, exitCode: undefined, labels: { tier: 'a' } });
    expect(created).toMatchObject({ imageId: config.image.imageId, imageReference: config.image.reference });
    await suite.runtime.startContainer(config.id);
    await suite.ready(config.id, config.command);
    const running = await suite.runtime.containerStatus(config.id);
    expect(running).toMatchObject({ state: 'running', finishedAt: 0 });
    expect(running?.startedAt).toBeGreaterThanOrEqual(created.createdAt);
    await suite.runtime.stopContainer(config.id, 5000);
    const exited = await suite.runtime.containerStatus(config.id);
    expect(exited).toMatchObject({
      state: 'exited',
      exitCode: 0,
      signal: undefined,
      reason: 'Completed',
      pid: undefined,
    });
    expect(exited?.finishedAt).toBeGreaterThanOrEqual(running?.startedAt ?? 0);
    expect(await suite.runtime.listContainers()).toContainEqual(exited);
  });

  it('does nothing when a running container is started again, and refuses an ended one', async () => {
    const sandbox = await suite.newSandbox();
    const id = await suite.started(sandbox, suite.commands.run);
    await suite.runtime.startContainer(id);
    await suite.runtime.stopContainer(id, 5000);
    await expect(suite.runtime.startContainer(id)).rejects.toMatchObject({ reason: 'StartError' });
    await expect(suite.runtime.startContainer('never-made')).rejects.toMatchObject({ reason: 'StartError' });
  });

  it.each([0, 1, 42, 255])('reports exit code %i', async (code) => {
    const sandbox = await suite.newSandbox();
    const id = await suite.started(sandbox, suite.commands.exit(code));
    const status = await suite.exited(id);
    expect(status).toMatchObject({ exitCode: code, signal: undefined, reason: code === 0 ? 'Completed' : 'Error' });
  });

  it('reports 137 for a command that dies of SIGKILL', async () => {
    const sandbox = await suite.newSandbox();
    const status = await suite.exited(await suite.started(sandbox, suite.commands.killItself));
    expect(status).toMatchObject({ exitCode: 137, reason: 'Error' });
  });

  it('reports a command that is not there as StartError with exit code 127 or 128', async () => {
    const sandbox = await suite.newSandbox();
    const config = suite.container(sandbox, suite.newId(), suite.commands.absent);
    await suite.runtime.createContainer(config);
    const error: unknown = await suite.runtime.startContainer(config.id).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: 'RuntimeError', reason: 'StartError' });
    expect([127, 128]).toContain((error as { exitCode?: number }).exitCode);
    expect((error as Error).message).toContain('no-such-program-anywhere');
    expect(await suite.runtime.containerStatus(config.id)).toMatchObject({ state: 'exited', reason: 'StartError' });
  });

  it('kills after the grace period what ignores SIGTERM, not before', async () => {
    const sandbox = await suite.newSandbox();
    const id = await suite.started(sandbox, suite.commands.runIgnoringTerm);
    const begun = clock.monotonic();
    await suite.runtime.stopContainer(id, 400);
    expect(clock.monotonic() - begun).toBeGreaterThanOrEqual(390);
    expect(await suite.runtime.containerStatus(id)).toMatchObject({ state: 'exited', exitCode: 137, signal: 9 });
  });

  it('stops by the stop signal of the container, as an image names it', async () => {
    const command = suite.commands.runUntilQuit;
    if (command === undefined) return;
    const sandbox = await suite.newSandbox();
    for (const stopSignal of ['SIGQUIT', 'quit', '3']) {
      const config = suite.container(sandbox, suite.newId(), command, { stopSignal });
      await suite.runtime.createContainer(config);
      await suite.runtime.startContainer(config.id);
      await suite.ready(config.id, command);
      await suite.runtime.stopContainer(config.id, 10_000);
      expect(await suite.runtime.containerStatus(config.id)).toMatchObject({ exitCode: 4, signal: undefined });
    }
  });

  it('kills at once with a grace period of 0, and stops what never started', async () => {
    const sandbox = await suite.newSandbox();
    const running = await suite.started(sandbox, suite.commands.runIgnoringTerm);
    await suite.runtime.stopContainer(running, 0);
    expect(await suite.runtime.containerStatus(running)).toMatchObject({ state: 'exited', exitCode: 137 });
    const created = suite.container(sandbox, suite.newId(), suite.commands.run);
    await suite.runtime.createContainer(created);
    await suite.runtime.stopContainer(created.id, 5000);
    expect((await suite.runtime.containerStatus(created.id))?.state).toBe('exited');
  });

  it('stops and removes unknown containers without complaint, and removes a running one', async () => {
    await suite.runtime.stopContainer('never-made', 1000);
    await suite.runtime.removeContainer('never-made');
    expect(await suite.runtime.containerStatus('never-made')).toBeUndefined();
    const sandbox = await suite.newSandbox();
    const id = await suite.started(sandbox, suite.commands.runIgnoringTerm);
    await Promise.all([suite.runtime.removeContainer(id), suite.runtime.removeContainer(id)]);
    await suite.runtime.removeContainer(id);
    expect(await suite.runtime.containerStatus(id)).toBeUndefined();
    expect((await suite.runtime.listContainers()).map((each) => each.id)).not.toContain(id);
  });

  it('refuses a second container of the same id, and allows the id again after removal', async () => {
    const sandbox = await suite.newSandbox();
    const config = suite.container(sandbox, suite.newId(), suite.commands.run);
    await suite.runtime.createContainer(config);
    await expect(suite.runtime.createContainer(config)).rejects.toMatchObject({ reason: 'CreateContainerError' });
    await suite.runtime.removeContainer(config.id);
    await suite.runtime.createContainer(config);
    await suite.runtime.startContainer(config.id);
    expect((await suite.runtime.containerStatus(config.id))?.state).toBe('running');
  });

  it('lists figures of running containers only', async () => {
    const sandbox = await suite.newSandbox();
    const running = await suite.started(sandbox, suite.commands.run);
    const ended = await suite.started(sandbox, suite.commands.exit(0));
    await suite.exited(ended);
    const figures = await suite.runtime.stats();
    expect(figures.map((each) => each.id)).not.toContain(ended);
    const own = figures.find((each) => each.id === running);
    expect(own?.pids).toBeGreaterThan(0);
    expect(own?.memoryUsageBytes).toBeGreaterThan(0);
    expect(own?.memoryWorkingSetBytes).toBeLessThanOrEqual(own?.memoryUsageBytes ?? 0);
  });
}
