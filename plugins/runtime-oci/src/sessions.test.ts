import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import { until } from '@timonel/testkit';
import { Bed } from './testing/bed.ts';

// Streams are conmon's work: which OCI runtime made the container is all the same.
describe('attached readers', () => {
  let bed: Bed;
  beforeAll(async () => {
    bed = new Bed('crun', createRealEnv());
    await bed.open();
  });
  afterEach(() => bed.removeAll(), 30_000);
  afterAll(async () => expect(await bed.close()).toEqual([]), 30_000);

  it('leave a container that reads until the end of its input without ending that, unless they gave it', async () => {
    const changes = { stdin: true, stdinOnce: true };
    const command = ['sh', '-c', 'while read -r line; do echo "$line"; done; exit 3'];
    const id = await bed.started(await bed.sandbox(), command, changes);
    const viewer = await bed.runtime.attach(id, { stdin: false });
    expect(viewer.stdin).toBeUndefined();
    viewer.kill();
    expect(await viewer.exited).toBe(0);
    const session = await bed.runtime.attach(id, { stdin: true });
    let text = '';
    session.stdout.on('data', (chunk) => (text += String(chunk)));
    session.stdin?.write('one\n');
    await until(() => text === 'one\n', { what: 'the answer' });
    session.stdin?.end('two\n');
    expect(await session.exited).toBe(3);
    expect(text).toBe('one\ntwo\n');
  });

  it('who take nothing are dropped, and the container goes on and has all in its log', async () => {
    const script = 'read -r x; head -c 6000000 /dev/zero | tr "\\0" "a"; echo; echo end; sleep 60';
    const id = await bed.started(await bed.sandbox(), ['sh', '-c', script], { stdin: true });
    const idle = await bed.runtime.attach(id, { stdin: false });
    const reader = await bed.runtime.attach(id, { stdin: true });
    let bytes = 0;
    let last = '';
    reader.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      last = `${last}${chunk.toString()}`.slice(-8);
    });
    reader.stdin?.write('go\n');
    expect(await idle.exited).toBe(1);
    await until(() => last.endsWith('end\n'), { what: 'the other reader to get all' });
    expect(bytes).toBe(6_000_005);
    expect((await bed.runtime.containerStatus(id))?.state).toBe('running');
    reader.kill();
  }, 30_000);

  it('get the last words of a container that ends, and its exit code', async () => {
    const script = 'read -r x; head -c 300000 /dev/zero | tr "\\0" "b"; echo; exit 5';
    const id = await bed.started(await bed.sandbox(), ['sh', '-c', script], { stdin: true });
    const session = await bed.runtime.attach(id, { stdin: true });
    let bytes = 0;
    session.stdout.on('data', (chunk: Buffer) => (bytes += chunk.length));
    const ended = new Promise((resolve) => session.stdout.once('end', resolve));
    session.stdin?.write('go\n');
    expect(await session.exited).toBe(5);
    await ended;
    expect(bytes).toBe(300_001);
  });
});
