/**
 * Real helm with a chart (charts/pilot) that brings a kind, and a webhook that changes and checks its objects: a server in a pod behind a
 * Service, with the certificate that the chart makes, an account and rights of its own. Ships come with an upgrade, for the webhook has
 * to be there by then.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { HelmCluster } from '../support/helm-cluster.ts';
import { newTraces, traces } from '../support/machine.ts';
import { until } from '../support/until.ts';

let before: readonly string[];
let cluster: HelmCluster;

const helm = (command: string): Promise<string> => cluster.helm(command);
const kubectl = (command: string): Promise<string> => cluster.kubectl(command);
const berthOf = (ship: string): Promise<string> => kubectl(`get ship ${ship} -o jsonpath={.spec.berth}`);
const ship = (name: string, tonnage: number): string =>
  JSON.stringify({ apiVersion: 'pilot.example.com/v1', kind: 'Ship', metadata: { name }, spec: { tonnage } });

beforeAll(async () => {
  before = traces();
  cluster = await HelmCluster.start(join(import.meta.dirname, 'charts', 'pilot'));
}, 360_000);
afterAll(async () => {
  await cluster?.dispose();
  expect(newTraces(before)).toEqual([]);
}, 90_000);

describe('a chart with a kind and its webhook', () => {
  it('is installed: the webhook changes and refuses objects once --wait comes back', async () => {
    await helm('install port CHART --wait --timeout 60s');
    expect(await cluster.run('kubectl', 'apply -f -', ship('ada', 10))).toMatchObject({ status: 0 });
    expect(await berthOf('ada')).toBe('north');
    const { status, stderr } = await cluster.run('kubectl', 'apply -f -', ship('whale', 5000));
    expect(status).not.toBe(0);
    expect(stderr).toContain('"validating.pilot.example.com" denied the request: no ship is heavier than 1000');
    expect(await kubectl('get ships')).toMatch(/^NAME +BERTH\nada +north\n$/);
  }, 90_000);

  it('is upgraded: the release brings ships, which the webhook changes too', async () => {
    await helm('upgrade port CHART --wait --timeout 60s --set ships.bounty=215');
    expect(await berthOf('bounty')).toBe('north');
    const keys = '-o jsonpath={.webhooks[0].clientConfig.caBundle}';
    const bundle = await kubectl(`get mutatingwebhookconfiguration port-webhook ${keys}`);
    expect(bundle).toBe(await kubectl('get secret port-webhook -o jsonpath={.data.ca\\.crt}'));
  }, 90_000);

  it('is not upgraded to ships that the webhook refuses', async () => {
    const { status, stderr } = await cluster.run(
      'helm',
      'upgrade port CHART --set ships.bounty=215 --set ships.whale=5000',
    );
    expect(status).not.toBe(0);
    expect(stderr).toContain('no ship is heavier than 1000');
    expect((await cluster.run('kubectl', 'get ship whale')).stderr).toContain('NotFound');
  }, 90_000);

  it('goes back to the first revision: its ships go, those of others stay', async () => {
    await helm('rollback port 1 --wait --timeout 60s');
    expect(await kubectl('get ships -o name')).toBe('ship.pilot.example.com/ada\n');
    await kubectl('patch ship ada --type=merge -p {"spec":{"berth":null}}');
    expect(await berthOf('ada')).toBe('north');
  }, 90_000);

  it('is uninstalled: nothing is left of it, no webhook is asked any more, and the kind stays', async () => {
    await helm('uninstall port --wait --timeout 60s');
    await until(async () => (await cluster.objectsOf('port')).length === 0, { what: 'all of the release to be gone' });
    expect(await helm('list -q')).toBe('');
    expect(await cluster.run('kubectl', 'apply -f -', ship('whale', 5000))).toMatchObject({ status: 0 });
    expect(await berthOf('whale')).toBe('');
    await kubectl('delete crd ships.pilot.example.com');
    expect((await cluster.run('kubectl', 'get crd ships.pilot.example.com')).stderr).toContain('NotFound');
  }, 90_000);
});
