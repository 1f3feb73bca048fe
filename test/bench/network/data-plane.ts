/**
 * Makes services true in the network namespace in which it runs: `data-plane.mjs WHAT DIRECTORY OTHERS`. Says in one line how many ms
 * that took, and stays until its stdin ends.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { keepProcessAlive } from '@timonel/core/env';
import { createRealEnv } from '@timonel/core';
import type { Logger } from '@timonel/sdk';
import { mustRun } from '@timonel/sdk/command';
import { openDataPlane as openNftables } from '../../../plugins/proxy-nftables/src/testing/open-data-plane.ts';
import { openDataPlane as openUserspace } from '../../../plugins/proxy-userspace/src/testing/open-data-plane.ts';
import { answering, benchServices, podCidr, podPort, rulesOf, serviceCidr, servicePort } from './bench-services.ts';
import { iptablesText } from './iptables-rules.ts';

const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silent,
};

const haproxyText = (address: string): string => `
global
  nbthread 1
  maxconn 4000
defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen it
  bind ${address}:${servicePort}
  balance random
${answering.map((each, at) => `  server s${at} ${each}:${podPort}`).join('\n')}
`;

export type DataPlane = 'nftables' | 'userspace' | 'iptables-nft' | 'iptables-legacy' | 'haproxy';

async function make(what: DataPlane, directory: string, others: number): Promise<void> {
  const services = benchServices(others);
  const options = { env: createRealEnv(), log: silent, dataDir: directory, serviceCidr, clusterCidrs: [podCidr] };
  if (what === 'nftables') return (await openNftables(options)).apply(rulesOf(services));
  if (what === 'userspace') return (await openUserspace(options)).apply(rulesOf(services));
  if (what !== 'haproxy') return void (await mustRun(`${what}-restore`, [], iptablesText(services)));
  const file = join(directory, 'haproxy.cfg');
  await mustRun('ip', ['address', 'add', `${benchServices(0)[0]?.address}/32`, 'dev', 'lo']);
  await writeFile(file, haproxyText(benchServices(0)[0]?.address ?? ''));
  await mustRun('haproxy', ['-D', '-p', join(directory, 'haproxy.pid'), '-f', file]);
}

export async function serveRules(what: DataPlane, directory: string, others: number): Promise<void> {
  keepProcessAlive();
  process.stdin.on('end', () => process.exit(0)).resume();
  const began = performance.now();
  await make(what, directory, others);
  console.log(String(performance.now() - began));
}
