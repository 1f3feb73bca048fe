/** Admission policies by the official client library for Node.js; what is checked is in ../support/client-node-policies.ts. */
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import admissionPolicies from '@timonel/plugin-admission-policies';
import { startApiServer } from '../support/api-server.ts';
import { runProgram } from '../support/cluster.ts';

const support = join(import.meta.dirname, '..', 'support');

it('policies and bindings are made, read, replaced and deleted in both versions, and act', async () => {
  const server = await startApiServer({ plugins: [admissionPolicies] });
  try {
    const program = [join(support, 'client-node-policies.ts'), server.kubeconfig];
    const flags = ['--import', join(support, 'newer-node.mjs'), '--import', 'tsx'];
    const result = await runProgram(process.execPath, [...flags, ...program], { timeoutMs: 60_000 });
    expect(result).toEqual({ status: 0, stdout: '', stderr: '' });
  } finally {
    await server.stop();
  }
}, 90_000);
