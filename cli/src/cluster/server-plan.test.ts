import { mkdtempSync, rmSync, writeFileSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { readClusterState, refuseRole, writeClusterState, type ServerState } from './cluster-state.ts';
import { planServer, serverSettings } from './server-plan.ts';

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'timonel-plan-'));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

const local = { name: 's1', listen: '127.0.0.1:7443' };

describe('what a server is to be', () => {
  it('comes from its flags, with the rest derived', () => {
    const plan = planServer(local, {}, undefined);
    expect(plan).toMatchObject({
      phase: 'formed',
      name: 's1',
      advertise: '127.0.0.1',
      listen: '127.0.0.1:7443',
      peerListen: '127.0.0.1:2380',
      peerUrl: '127.0.0.1:2380',
      clusterCidr: '10.244.0.0/16',
    });
    expect(plan.memberId).toMatch(/^[0-9a-f-]{36}$/);
    const named = planServer({ ...local, advertise: 'm1.example', peerListen: ':2381' }, {}, undefined);
    expect(named).toMatchObject({ advertise: 'm1.example', peerListen: '0.0.0.0:2381', peerUrl: 'm1.example:2381' });
    expect(serverSettings(named, dataDir)).toMatchObject({
      address: '127.0.0.1',
      port: 7443,
      server: {
        url: 'https://m1.example:7443',
        endpoint: 'https://127.0.0.1:7443',
        apiNames: ['m1.example', 's1', '127.0.0.1'],
        peer: { listen: { address: '0.0.0.0', port: 2381 }, advertise: 'm1.example:2381' },
        join: false,
      },
    });
  });

  it('leads pods to an address, whatever name the machines have for it', () => {
    const endpointOf = (flags: object): string | undefined =>
      serverSettings(planServer({ ...local, ...flags }, {}, undefined), dataDir).server?.endpoint;
    expect(endpointOf({ advertise: '10.0.0.1' })).toBe('https://10.0.0.1:7443');
    expect(endpointOf({ advertise: 'm1.example', advertiseAddress: '10.0.0.2' })).toBe('https://10.0.0.2:7443');
    expect(endpointOf({ advertise: 'm1.example', advertiseAddress: 'fd00::2' })).toBe('https://[fd00::2]:7443');
    const before = planServer({ ...local, advertiseAddress: '10.0.0.2' }, {}, undefined);
    expect(planServer({}, {}, before)).toEqual(before);
  });

  it('leads pods of IPv6 to an address of IPv6, and says so where there is none', () => {
    const ranges = { clusterCidr: 'fd00:1::/56', serviceCidr: 'fd00:2::/112' };
    const planOf = (flags: object): ServerState => planServer({ name: 's1', ...ranges, ...flags }, {}, undefined);
    const endpointOf = (flags: object): string | undefined => serverSettings(planOf(flags), dataDir).server?.endpoint;
    expect(planOf({ advertise: 'fd00::7' }).listen).toBe('[::]:6443');
    expect(endpointOf({ advertise: 'fd00::7' })).toBe('https://[fd00::7]:6443');
    expect(endpointOf({ advertise: '10.0.0.1', advertiseAddress: 'fd00::7' })).toBe('https://[fd00::7]:6443');
    expect(endpointOf({ advertise: 'm1.example', listen: '[fd00::7]:7443' })).toBe('https://[fd00::7]:7443');
    expect(() => planOf({ advertise: '10.0.0.1' })).toThrow(/--advertise-address ADDRESS under which IPv6 address/);
    expect(() => planOf({ advertise: 'fd00::7', listen: '0.0.0.0:6443' })).toThrow('let it be [::]:6443');
  });

  it('is what it was, and what the cluster relies on does not change', () => {
    const before = planServer({ ...local, peerListen: '127.0.0.1:7380' }, {}, undefined);
    expect(planServer({}, {}, before)).toEqual(before);
    expect(planServer({ listen: '127.0.0.1:8443' }, {}, before)).toEqual({ ...before, listen: '127.0.0.1:8443' });
    for (const change of [
      { name: 's2' },
      { peerListen: '127.0.0.1:7381' },
      { advertise: '10.0.0.1' },
      { serviceCidr: '10.97.0.0/16' },
      { clusterCidr: '10.245.0.0/16' },
    ]) {
      expect(() => planServer(change, {}, before)).toThrow('leave it as it was');
      expect(() => planServer(change, {}, { ...before, phase: 'joining' })).not.toThrow();
    }
  });

  it('is refused with the option to correct', () => {
    for (const [flags, says] of [
      [{ name: 'Not A Name' }, '--name'],
      [{ listen: '127.0.0.1:0' }, '--listen'],
      [{ peerListen: '0' }, '--peer-listen'],
      [{ advertise: 'no host' }, '--advertise'],
      [{ advertiseAddress: 'm1.example' }, '--advertise-address'],
      [{ advertiseAddress: '0.0.0.0' }, '--advertise-address'],
      [{ clusterCidr: 'x' }, '--cluster-cidr'],
      [{ serviceCidr: '10.96.0.0/30' }, '--service-cidr'],
      [{ clusterCidr: '10.96.0.0/15' }, 'overlap'],
    ] as const) {
      expect(() => planServer({ ...local, ...flags }, {}, undefined)).toThrow(says);
    }
  });
});

describe('the role of a data directory', () => {
  const state = (): ServerState => planServer(local, {}, undefined);

  it('is remembered, and another command refuses it', async () => {
    expect(readClusterState(dataDir)).toBeUndefined();
    for (const command of ['up', 'server', 'agent'] as const) refuseRole(dataDir, command);
    const written = state();
    await writeClusterState(dataDir, written);
    expect(readClusterState(dataDir)).toEqual(written);
    refuseRole(dataDir, 'server');
    expect(() => refuseRole(dataDir, 'up')).toThrow('start it by `timonel server`');
    expect(() => refuseRole(dataDir, 'agent')).toThrow('a server of a cluster');
  });

  it('of an all-in-one cluster stays that', () => {
    mkdirSync(join(dataDir, 'data', 'auth-token'), { recursive: true });
    refuseRole(dataDir, 'up');
    expect(() => refuseRole(dataDir, 'server')).toThrow('start it by `timonel up`');
  });

  it('is not guessed from a damaged file', () => {
    writeFileSync(join(dataDir, 'cluster.json'), '{"role":"server"');
    expect(() => readClusterState(dataDir)).toThrow('is damaged');
  });
});
