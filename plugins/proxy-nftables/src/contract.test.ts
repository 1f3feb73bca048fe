import { spawnSync } from 'node:child_process';
import { jest } from '@jest/globals';
import { proxyContract } from '@timonel/testkit/contracts/proxy';

jest.setTimeout(30_000);

const isRoot = process.getuid?.() === 0;
const missing = ['nft', 'conntrack'].find((name) => spawnSync(name, ['--version']).status !== 0);
const packageOf: Readonly<Record<string, string>> = { nft: 'nftables' };

proxyContract('nftables', {
  module: new URL('./testing/open-data-plane.ts', import.meta.url).href,
  skip: !isRoot
    ? 'it needs root'
    : missing && `it needs the program ${missing} (apt-get install ${packageOf[missing] ?? missing})`,
});
