import { spawnSync } from 'node:child_process';
import { jest } from '@jest/globals';
import { proxyContract } from '@timonel/testkit/contracts/proxy';

jest.setTimeout(30_000);

const isRoot = process.getuid?.() === 0;
const hasNft = spawnSync('nft', ['--version']).status === 0;

proxyContract('nftables', {
  module: new URL('./testing/open-data-plane.ts', import.meta.url).href,
  skip: !isRoot ? 'it needs root' : hasNft ? undefined : 'it needs the program nft (apt-get install nftables)',
});
