/** Exec, Attach and PortForward of @kubernetes/client-node. */
import { execFile } from 'node:child_process';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from '@jest/globals';
import { until } from '@timonel/testkit';
import { startApiServer } from '../support/api-server.ts';
import { ProcessNode } from '../support/process-node.ts';

const program = join(import.meta.dirname, '..', 'support', 'client-node-sessions.mjs');

it('client-node runs commands, attaches and forwards ports', async () => {
  const node = new ProcessNode('n1');
  node.attached = ['sh', '-c', 'read line; echo "got $line"'];
  const echo = createServer((socket) => socket.on('error', () => undefined).pipe(socket));
  await new Promise<void>((resolve) => void echo.listen(0, '127.0.0.1', resolve));
  const server = await startApiServer({ plugins: [node.plugin()] });
  try {
    await node.addPod(server.api);
    const { port } = echo.address() as AddressInfo;
    const args = [program, server.kubeconfig, String(port)];
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 60_000 });
    const { exec, attach, forward } = JSON.parse(stdout) as Record<string, unknown>;
    expect(exec).toMatchObject({
      out: 'through\n',
      err: 'err\n',
      status: { status: 'Failure', details: { causes: [{ reason: 'ExitCode', message: '3' }] } },
    });
    expect(attach).toBe('got this\n');
    expect(forward).toEqual({ text: 'hello', err: '' });
    await until(() => node.processes.size + node.connections.size === 0, { what: 'all to be gone' });
  } finally {
    node.stop();
    echo.close();
    await server.stop();
  }
});
