/** Real helm and kubectl with kinds that a chart brings. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import controllerCrd from '@timonel/plugin-controller-crd';
import controllerGc from '@timonel/plugin-controller-gc';
import { runProgram } from '../support/cluster.ts';
import { startKubectlServer, type KubectlServer } from '../support/kubectl-server.ts';

const chart = join(import.meta.dirname, 'charts', 'lighthouse');
let tools: KubectlServer;

beforeAll(async () => {
  tools = await startKubectlServer({ plugins: [controllerCrd, controllerGc] });
}, 120_000);
afterAll(async () => {
  await tools.server.stop();
});

async function helm(...args: readonly string[]): Promise<{ status: number | null; text: string }> {
  const { status, stdout, stderr } = await runProgram(tools.tools.helm, args, { env: tools.env, timeoutMs: 60_000 });
  return { status, text: `${stdout}${stderr}` };
}

async function kubectl(command: string, input?: string): Promise<string> {
  const { status, stdout, stderr } = await tools.run(command.split(' '), input);
  return status === 0 ? stdout : `failed: ${stderr}`;
}

const lighthouse = (name: string, range: number): string =>
  JSON.stringify({ apiVersion: 'coast.example.com/v1', kind: 'Lighthouse', metadata: { name }, spec: { range } });

describe('a chart with a definition', () => {
  it('is installed, upgraded and uninstalled; the definition stays', async () => {
    expect(await helm('install', 'north', chart)).toMatchObject({ status: 0 });
    expect(await kubectl('get lh')).toMatch(/^NAME +RANGE\nnorth +20\n$/);
    expect(await helm('upgrade', 'north', chart, '--set', 'range=30')).toMatchObject({ status: 0 });
    expect(await kubectl('get lighthouse north -o jsonpath={.spec}')).toBe('{"lamps":1,"range":30}');
    const refused = await helm('upgrade', 'north', chart, '--set', 'range=0');
    expect(refused.text).toContain('spec.range in body should be greater than or equal to 1');
    expect(await helm('uninstall', 'north')).toMatchObject({ status: 0 });
    expect(await kubectl('get lighthouses')).toBe('');
    expect(await kubectl('get crd -o name')).toContain('lighthouses.coast.example.com');
  });

  it('serves all commands of kubectl', async () => {
    expect(await kubectl('api-resources --api-group=coast.example.com')).toMatch(
      /lighthouses +lh +coast\.example\.com\/v1 +true +Lighthouse/,
    );
    expect(await kubectl('explain lh.spec.range')).toContain('Nautical miles.');
    expect(await kubectl('create -f -', lighthouse('a', 5))).toContain('lighthouse.coast.example.com/a created');
    expect(await kubectl('create -f -', lighthouse('b', 99))).toContain('should be less than or equal to 60');
    expect(await kubectl('apply -f -', lighthouse('a', 6))).toContain('configured');
    expect(await kubectl('apply --server-side --force-conflicts -f -', lighthouse('a', 7))).toContain(
      'serverside-applied',
    );
    expect(await kubectl('label lh a coast=north')).toContain('labeled');
    expect(await kubectl('patch lh a --type=merge -p {"spec":{"range":8}}')).toContain('patched');
    expect(await kubectl('scale lh a --replicas=9')).toContain('too many lamps');
    expect(await kubectl('scale lh a --replicas=2')).toContain('scaled');
    expect(await kubectl('get all -l coast=north -o name')).toContain('lighthouse.coast.example.com/a');
    expect(await kubectl('describe lh a')).toMatch(/Lamps: +2/);
    expect(await kubectl('wait --for=jsonpath={.spec.lamps}=2 lh/a --timeout=5s')).toContain('condition met');
    expect(await kubectl('delete crd lighthouses.coast.example.com')).toContain('deleted');
    expect(await kubectl('get crd lighthouses.coast.example.com')).toContain('NotFound');
  });
});
